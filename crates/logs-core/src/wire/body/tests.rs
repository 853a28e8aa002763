//! Bodies: the shapes and how much fits. What makes a record valid is tested in `record/tests.rs`.

mod ndjson;
mod properties;
mod refusals;

use super::*;
use crate::{DeviceId, ErrorCode, RecordErrorCode, Timestamp};

const GOOD: &str = r#"{"deviceID":"any_device_token","err":107,"timestamp":1514864773}"#;
const BAD: &str = r#"{"deviceID":"any_device_token","err":"107","timestamp":1514864773}"#;

fn log(device_id: &str, err: i64, timestamp: i64) -> NewLog {
    NewLog::new(
        DeviceId::parse(device_id.to_owned()).unwrap(),
        ErrorCode::parse(err).unwrap(),
        Timestamp::parse(timestamp).unwrap(),
    )
}

fn good() -> NewLog {
    log("any_device_token", 107, 1_514_864_773)
}

fn parse(body: &str) -> Result<Batch, BodyError> {
    Batch::parse(body.as_bytes())
}

fn batch_of(logs: Vec<NewLog>) -> Batch {
    Batch::new(logs.into_iter().map(Ok)).unwrap()
}

/// One good record, in each shape that is JSON as a whole.
fn shapes() -> [String; 3] {
    [GOOD.to_owned(), format!("[{GOOD}]"), format!("{{\"payload\":[{GOOD}]}}")]
}

fn array_of(record: &str, times: usize) -> String {
    format!("[{}]", vec![record; times].join(","))
}

fn is_not_json(body: &str) -> bool {
    matches!(parse(body), Err(BodyError::NotJson(_)))
}

fn indices(errors: &[RecordError]) -> Vec<usize> {
    errors.iter().map(|error| error.index).collect()
}

#[test]
fn all_three_shapes_are_the_same_batch() {
    for body in shapes() {
        assert_eq!(parse(&body), Ok(batch_of(vec![good()])), "{body}");
    }
}

#[test]
fn white_space_around_a_body_changes_nothing() {
    for body in shapes() {
        assert_eq!(parse(&format!(" \t\r\n{body}\r\n\t ")), Ok(batch_of(vec![good()])), "{body}");
    }
}

#[test]
fn a_byte_order_mark_before_the_body_is_skipped() {
    for body in shapes() {
        assert_eq!(parse(&format!("\u{feff}{body}")), Ok(batch_of(vec![good()])), "{body}");
    }
    assert_eq!(parse("\u{feff}"), Err(BodyError::Empty));
    assert!(is_not_json(&format!("[\u{feff}{GOOD}]")), "only before the body");
}

#[test]
fn records_keep_their_order() {
    let records: Vec<_> = (0..5).map(|err| format!(r#"{{"deviceID":"d","err":{err},"timestamp":9}}"#)).collect();
    let batch = parse(&format!("[{}]", records.join(","))).unwrap();
    assert_eq!(batch, batch_of((0..5).map(|err| log("d", err, 9)).collect()));
}

#[test]
fn the_same_record_twice_is_two_records() {
    assert_eq!(parse(&array_of(GOOD, 2)), Ok(batch_of(vec![good(), good()])));
}

#[test]
fn a_bad_record_does_not_reject_the_others() {
    for body in [format!("[{BAD},{GOOD},null,{GOOD}]"), format!("{{\"payload\":[{BAD},{GOOD},null,{GOOD}]}}")] {
        let batch = parse(&body).unwrap();
        assert_eq!(batch.logs(), [good(), good()]);
        assert_eq!(batch.rejected(), 2);
        assert_eq!(indices(batch.errors()), [0, 2]);
    }
}

#[test]
fn a_record_with_three_errors_is_one_rejected_record() {
    let batch = parse(&format!("[{GOOD},{{}}]")).unwrap();
    assert_eq!((batch.logs().len(), batch.rejected()), (1, 1));
    assert_eq!(indices(batch.errors()), [1, 1, 1]);
}

#[test]
fn a_body_without_a_valid_record_is_refused_with_all_errors() {
    let Err(BodyError::NoValidRecord(errors)) = parse(&format!("[{BAD},7,{BAD}]")) else { panic!("accepted") };
    assert_eq!(indices(&errors), [0, 1, 2]);
    let codes: Vec<_> = errors.iter().map(|error| error.code).collect();
    assert_eq!(codes, [RecordErrorCode::NotAnInteger, RecordErrorCode::NotAnObject, RecordErrorCode::NotAnInteger]);

    let Err(BodyError::NoValidRecord(errors)) = parse(BAD) else { panic!("accepted") };
    assert_eq!(indices(&errors), [0]);
    // One of a record's fields is enough to tell that a record was meant.
    for body in [r#"{"deviceID":"d"}"#, r#"{"err":1}"#, r#"{"timestamp":1}"#] {
        let Err(BodyError::NoValidRecord(errors)) = parse(body) else { panic!("{body}: {:?}", parse(body)) };
        assert_eq!(indices(&errors), [0, 0], "{body}");
    }
}

#[test]
fn the_envelope_may_have_unknown_fields_around_its_payload() {
    let body = format!(r#"{{"\ud800":1,"version":[[]],"payload":[{GOOD}],"sent_at":"now"}}"#);
    assert_eq!(parse(&body), Ok(batch_of(vec![good()])));
}

#[test]
fn an_array_under_payload_takes_precedence_over_some_fields_of_a_record_beside_it() {
    let body = format!(r#"{{"deviceID":7,"err":"x","payload":[{GOOD}]}}"#);
    assert_eq!(parse(&body), Ok(batch_of(vec![good()])));
}

#[test]
fn a_payload_beside_two_fields_of_a_record_is_a_batch() {
    let fields = [r#""deviceID":"d""#, r#""err":1"#, r#""timestamp":2"#];
    for missing in 0..fields.len() {
        let beside: Vec<_> = (0..fields.len()).filter(|field| *field != missing).map(|field| fields[field]).collect();
        let body = format!("{{{},\"payload\":[{GOOD}]}}", beside.join(","));
        assert_eq!(parse(&body), Ok(batch_of(vec![good()])), "{body}");
    }
}

#[test]
fn a_record_with_a_payload_that_is_not_an_array_is_a_record() {
    for payload in ["1", "null", "{}", r#""[]""#] {
        let body = GOOD.replacen('{', &format!("{{\"payload\":{payload},"), 1);
        assert_eq!(parse(&body), Ok(batch_of(vec![good()])), "{body}");
    }
}

#[test]
fn an_array_in_an_array_is_not_a_batch_but_a_wrong_record() {
    let Err(BodyError::NoValidRecord(errors)) = parse(&format!("[[{GOOD},{GOOD}]]")) else { panic!("accepted") };
    assert_eq!((errors.len(), errors[0].code), (1, RecordErrorCode::NotAnObject));
    let batch = parse(&format!("[[{GOOD}],{GOOD}]")).unwrap();
    assert_eq!((batch.logs(), batch.rejected()), (&[good()][..], 1));
}

#[test]
fn ten_thousand_levels_of_nesting_do_not_crash_the_parser() {
    let arrays = "[".repeat(10_000) + &"]".repeat(10_000);
    let objects = r#"{"a":"#.repeat(10_000) + "1" + &"}".repeat(10_000);
    for (body, rejected) in [(arrays.clone(), 1), (format!("[{objects},{arrays}]"), 4)] {
        let Err(BodyError::NoValidRecord(errors)) = parse(&body) else { panic!("accepted") };
        assert_eq!(errors.len(), rejected);
    }
    assert!(matches!(parse(&objects), Err(BodyError::NotABatch(_))));
    assert!(matches!(parse(&format!("{{\"payload\":{arrays}}}")), Err(BodyError::NoValidRecord(_))));
    assert_eq!(parse(&format!("[{arrays},{GOOD},{objects}]")).unwrap().logs(), [good()]);
    let beside_a_record = GOOD.replacen('{', &format!("{{\"unknown\":{objects},"), 1);
    assert_eq!(parse(&beside_a_record), Ok(batch_of(vec![good()])));
}

#[test]
fn a_batch_holds_up_to_1000_records() {
    let short = r#"{"deviceID":"d","err":1,"timestamp":2}"#;
    for envelope in ["@", r#"{"payload":@}"#] {
        let body = |times| envelope.replace('@', &array_of(short, times));
        assert_eq!(parse(&body(1000)), Ok(batch_of(vec![log("d", 1, 2); 1000])));
        assert_eq!(parse(&body(1001)), Err(BodyError::TooManyRecords(1001)));
    }
}

#[test]
fn past_the_thousand_records_are_only_counted() {
    let body = array_of("0", 1500);
    let Elements { kept, count } = serde_json::from_str(&body).unwrap();
    assert_eq!((kept.len(), count), (MAX_RECORDS, 1500));
}

#[test]
fn wrong_records_count_towards_the_thousand() {
    let Err(BodyError::NoValidRecord(errors)) = parse(&array_of("0", 1000)) else { panic!("accepted") };
    assert_eq!(errors.len(), 1000);
    assert_eq!(parse(&array_of("0", 1001)), Err(BodyError::TooManyRecords(1001)));
    assert_eq!(parse(&array_of("0", 500_000)), Err(BodyError::TooManyRecords(500_000)));
}

#[test]
fn a_body_has_up_to_1_mib() {
    for body in shapes() {
        let padding = " ".repeat(MAX_BODY_BYTES - body.len());
        let largest = format!("{body}{padding}");
        assert_eq!(largest.len(), 1_048_576);
        assert_eq!(parse(&largest), Ok(batch_of(vec![good()])));
        assert_eq!(parse(&format!("{largest} ")), Err(BodyError::TooLarge));
    }
}
