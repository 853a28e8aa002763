//! NDJSON: one record per line, some of them cut off.

use super::*;

/// What became of each line: its error code, if any.
fn outcomes(body: &[u8]) -> (Vec<NewLog>, Vec<(usize, RecordErrorCode)>) {
    let batch = Batch::parse(body).unwrap();
    (batch.logs().to_vec(), batch.errors().iter().map(|error| (error.index, error.code)).collect())
}

#[test]
fn one_record_per_line_is_a_batch_with_any_line_breaks() {
    for body in [
        format!("{GOOD}\n{GOOD}"),
        format!("{GOOD}\n{GOOD}\n"),
        format!("{GOOD}\r\n{GOOD}\r\n"),
        format!("\n\r\n{GOOD}\n\n \t\r\n{GOOD}\n\n"),
        format!("\u{feff}{GOOD}\n{GOOD}\n"),
        format!("  {GOOD}  \n\t{GOOD}"),
    ] {
        assert_eq!(parse(&body), Ok(batch_of(vec![good(), good()])), "{body:?}");
    }
}

#[test]
fn a_torn_line_is_one_rejected_record_and_its_neighbours_are_stored() {
    for length in 1..GOOD.len() {
        for body in [format!("{GOOD}\n{}\n{GOOD}\n", &GOOD[..length]), format!("{GOOD}\n{GOOD}\n{}", &GOOD[..length])] {
            let (logs, errors) = outcomes(body.as_bytes());
            assert_eq!(logs, [good(), good()], "{body}");
            assert_eq!(errors.len(), 1, "{body}");
            assert_eq!(errors[0].1, RecordErrorCode::NotJson, "{body}");
        }
    }
}

#[test]
fn a_line_that_is_cut_in_the_middle_of_a_character_does_not_reject_the_others() {
    let whole = GOOD.replace("any", "ä");
    let cut = whole.find('ä').unwrap() + 1;
    let body = [GOOD.as_bytes(), b"\n", &whole.as_bytes()[..cut], b"\n\xff\xff\x00\x00\n", GOOD.as_bytes()].concat();
    let (logs, errors) = outcomes(&body);
    assert_eq!(logs, [good(), good()]);
    assert_eq!(errors, [(1, RecordErrorCode::NotJson), (2, RecordErrorCode::NotJson)]);
}

#[test]
fn every_kind_of_bad_line_is_reported_with_its_index() {
    let body =
        [GOOD, "null", r#"{"err":1,"timestamp":1}"#, "", "garbage", "[]", GOOD, r#"{"deviceID":"d"} {}"#].join("\n");
    let (logs, errors) = outcomes(body.as_bytes());
    assert_eq!(logs, [good(), good()]);
    let expected = [
        (1, RecordErrorCode::NotAnObject),
        (2, RecordErrorCode::Missing),
        (3, RecordErrorCode::NotJson),
        (4, RecordErrorCode::NotAnObject),
        (6, RecordErrorCode::NotJson),
    ];
    assert_eq!(errors, expected);
}

#[test]
fn a_thousand_lines_are_accepted_and_one_more_is_refused() {
    let lines = |count: usize| vec![r#"{"deviceID":"d","err":1,"timestamp":2}"#; count].join("\n");
    assert_eq!(parse(&lines(1000)), Ok(batch_of(vec![log("d", 1, 2); 1000])));
    assert_eq!(parse(&lines(1001)), Err(BodyError::TooManyRecords(1001)));
    assert_eq!(parse(&format!("{GOOD}\n{}", "x\n".repeat(500_000))), Err(BodyError::TooManyRecords(500_001)));
}

#[test]
fn a_body_of_lines_has_up_to_1_mib() {
    let body = format!("{GOOD}\n{GOOD}");
    let largest = format!("{body}{}", "\n".repeat(MAX_BODY_BYTES - body.len()));
    assert_eq!(parse(&largest), Ok(batch_of(vec![good(), good()])));
    assert_eq!(parse(&format!("{largest}\n")), Err(BodyError::TooLarge));
    let endless = format!("{GOOD}\n{}", "x".repeat(MAX_BODY_BYTES - GOOD.len() - 1));
    assert_eq!(outcomes(endless.as_bytes()).1, [(1, RecordErrorCode::NotJson)]);
}

#[test]
fn a_body_is_not_ndjson_if_it_is_json_or_its_first_line_is_not_an_object() {
    let pretty = GOOD.replace(',', ",\n  ").replace('{', "{\n  ").replace('}', "\n}");
    assert_eq!(parse(&pretty), Ok(batch_of(vec![good()])));
    assert_eq!(parse(&format!("{{\n\"payload\": [\n{GOOD},\n{GOOD}\n]\n}}")), Ok(batch_of(vec![good(), good()])));
    for body in [
        format!("[{GOOD},\n{GOOD}"),
        format!("[\n{GOOD},\n{GOOD}\n"),
        format!("{{\"payload\":[{GOOD},\n{GOOD}"),
        pretty[..pretty.len() - 1].to_owned(),
        format!("{GOOD}{GOOD}"),
        format!("{GOOD},\n{GOOD}"),
        format!("{}\n{GOOD}", &GOOD[..20]),
    ] {
        assert!(is_not_json(&body), "{body}: {:?}", parse(&body));
    }
    assert!(matches!(Batch::parse(b"[\xff]"), Err(BodyError::NotUtf8(1))));
}

#[test]
fn lines_without_a_valid_record_are_refused_with_all_errors() {
    let Err(BodyError::NoValidRecord(errors)) = parse(&format!("{BAD}\n{{\n{BAD}")) else { panic!("accepted") };
    assert_eq!(indices(&errors), [0, 1, 2]);
}

#[test]
fn the_same_records_have_the_same_fingerprint_in_every_shape() {
    let fingerprint = |body: &str| crate::Fingerprint::of(&parse(body).unwrap());
    assert_eq!(fingerprint(&format!("{GOOD}\n{GOOD}")), fingerprint(&format!("[{GOOD},{GOOD}]")));
}
