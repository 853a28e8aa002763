//! One record at a time, always between two good ones: whatever is wrong with it, they must survive.

mod values;

use serde_json::json;

use crate::{Batch, DeviceId, ErrorCode, Field, NewLog, RecordError, RecordErrorCode, Timestamp};

const NEIGHBOUR: &str = r#"{"deviceID":"neighbour","err":-1,"timestamp":1}"#;

fn log(device_id: &str, err: i64, timestamp: i64) -> NewLog {
    NewLog::new(
        DeviceId::parse(device_id.to_owned()).unwrap(),
        ErrorCode::parse(err).unwrap(),
        Timestamp::parse(timestamp).unwrap(),
    )
}

/// What becomes of a record between two good ones.
fn read(record: &str) -> Result<NewLog, Vec<RecordError>> {
    let batch = Batch::parse(format!("[{NEIGHBOUR},{record},{NEIGHBOUR}]").as_bytes()).unwrap();
    let neighbour = log("neighbour", -1, 1);
    assert_eq!(batch.logs().first(), Some(&neighbour));
    assert_eq!(batch.logs().last(), Some(&neighbour));
    assert_eq!(batch.logs().len() + batch.rejected(), 3);
    assert!(batch.errors().iter().all(|error| error.index == 1), "{:?}", batch.errors());
    assert_eq!(batch.rejected() == 0, batch.errors().is_empty());
    if batch.rejected() == 0 { Ok(batch.logs()[1].clone()) } else { Err(batch.errors().to_vec()) }
}

/// What is wrong with a record, without the messages.
fn errors(record: &str) -> Vec<(Option<Field>, RecordErrorCode)> {
    read(record).unwrap_err().into_iter().map(|error| (error.field, error.code)).collect()
}

/// The message of the one error that a record has.
fn message(record: &str) -> String {
    let errors = read(record).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].message.clone()
}

fn with_device_id(value: &str) -> String {
    format!(r#"{{"deviceID":{value},"err":107,"timestamp":1514864773}}"#)
}

fn with_err(value: &str) -> String {
    format!(r#"{{"deviceID":"d","err":{value},"timestamp":1514864773}}"#)
}

fn with_timestamp(value: &str) -> String {
    format!(r#"{{"deviceID":"d","err":107,"timestamp":{value}}}"#)
}

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[test]
fn a_missing_field_is_named() {
    for (record, field, start) in [
        (r#"{"err":1,"timestamp":1}"#, Field::DeviceId, "deviceID is missing; "),
        (r#"{"deviceID":"d","timestamp":1}"#, Field::Err, "err is missing; "),
        (r#"{"deviceID":"d","err":1}"#, Field::Timestamp, "timestamp is missing; "),
    ] {
        assert_eq!(errors(record), [(Some(field), RecordErrorCode::Missing)]);
        assert!(message(record).starts_with(start), "{}", message(record));
    }
}

#[test]
fn a_null_is_a_wrong_value_and_not_a_missing_one() {
    let all_null = r#"{"deviceID":null,"err":null,"timestamp":null}"#;
    let expected = [
        (Some(Field::DeviceId), RecordErrorCode::NotAString),
        (Some(Field::Err), RecordErrorCode::NotAnInteger),
        (Some(Field::Timestamp), RecordErrorCode::NotANumber),
    ];
    assert_eq!(errors(all_null), expected);
}

#[test]
fn the_message_for_a_missing_field_names_a_similar_unknown_field() {
    for (record, expected) in [
        (r#"{"deviceId":"d","err":1,"timestamp":1}"#, "deviceID is missing; rename deviceId to deviceID: "),
        (r#"{"device_id":"d","err":1,"timestamp":1}"#, "deviceID is missing; rename device_id to deviceID: "),
        (r#"{"deviceID":"d","error":1,"timestamp":1}"#, "err is missing; rename error to err: "),
        (r#"{"deviceID":"d","error_code":1,"timestamp":1}"#, "err is missing; rename error_code to err: "),
        (r#"{"deviceID":"d","err":1,"ts":1}"#, "timestamp is missing; rename ts to timestamp: "),
        (r#"{"deviceID":"d","err":1,"time":1}"#, "timestamp is missing; rename time to timestamp: "),
        (r#"{"deviceID":"d","err":1,"time stamp":1}"#, "timestamp is missing; rename time stamp to timestamp: "),
    ] {
        assert!(message(record).starts_with(expected), "{}", message(record));
    }
    for other in ["temperature", "hunter2hunter2hunter2hunter2", "errors"] {
        let record = format!(r#"{{"deviceID":"d","err":1,"{other}":1}}"#);
        assert!(message(&record).starts_with("timestamp is missing; timestamp must be"), "{}", message(&record));
    }
    assert_eq!(read(r#"{"id":7,"deviceID":"d","code":"x","err":1,"date":null,"timestamp":2}"#), Ok(log("d", 1, 2)));
}

#[test]
fn names_are_case_sensitive() {
    let expected = [Field::DeviceId, Field::Err, Field::Timestamp].map(|field| (Some(field), RecordErrorCode::Missing));
    assert_eq!(errors(r#"{"deviceId":"d","ERR":1,"timeStamp":1}"#), expected);
    assert_eq!(errors("{}"), expected);
}

#[test]
fn all_errors_of_a_record_are_reported_in_the_order_of_the_fields() {
    let expected = [
        (Some(Field::DeviceId), RecordErrorCode::Empty),
        (Some(Field::Err), RecordErrorCode::OutOfRange),
        (Some(Field::Timestamp), RecordErrorCode::Missing),
    ];
    assert_eq!(errors(r#"{"err":2147483648,"deviceID":""}"#), expected);
}

#[test]
fn an_element_that_is_not_an_object_is_an_error_without_a_field() {
    for record in ["null", "107", "-1.5e3", r#""d""#, "true", "[]", &format!("[{NEIGHBOUR}]"), &nested(10_000)] {
        assert_eq!(errors(record), [(None, RecordErrorCode::NotAnObject)]);
    }
}

#[test]
fn unknown_fields_are_ignored_whatever_they_hold() {
    for extra in [
        r#""colour":"red""#.to_owned(),
        r#""":null"#.to_owned(),
        r#""number":1e999"#.to_owned(),
        r#""text":"\ud800""#.to_owned(),
        r#""\ud800":"a name that is no text""#.to_owned(),
        r#""payload":[1,2,3],"payload":[]"#.to_owned(),
        format!(r#""deep":{}"#, nested(10_000)),
        format!(r#""record":{NEIGHBOUR}"#),
    ] {
        let before = format!(r#"{{{extra},"deviceID":"d","err":1,"timestamp":2}}"#);
        let after = format!(r#"{{"deviceID":"d","err":1,"timestamp":2,{extra}}}"#);
        assert_eq!(read(&before), Ok(log("d", 1, 2)));
        assert_eq!(read(&after), Ok(log("d", 1, 2)));
    }
}

#[test]
fn if_a_name_occurs_twice_the_last_value_counts() {
    let last_is_good = r#"{"deviceID":1,"err":"x","timestamp":-1,"deviceID":"d","err":1,"timestamp":2}"#;
    assert_eq!(read(last_is_good), Ok(log("d", 1, 2)));
    let last_is_bad = r#"{"deviceID":"d","err":1,"timestamp":2,"err":null}"#;
    assert_eq!(errors(last_is_bad), [(Some(Field::Err), RecordErrorCode::NotAnInteger)]);
    assert_eq!(read(r#"{"deviceID":"d","err":1,"timestamp":2,"\u0065rr":3}"#), Ok(log("d", 3, 2)));
}

#[test]
fn an_escaped_name_is_the_same_name() {
    let record = r#"{"\u0064eviceID":"d","\u0065\u0072\u0072":1,"timestam\u0070":2}"#;
    assert_eq!(read(record), Ok(log("d", 1, 2)));
}

#[test]
fn white_space_inside_a_record_changes_nothing() {
    assert_eq!(read("\n{ \"deviceID\" :\t\"d\" ,\r\n\"err\" : 1 , \"timestamp\" : 2 }\n"), Ok(log("d", 1, 2)));
}

#[test]
fn a_message_says_what_the_field_must_be_and_never_repeats_what_was_sent() {
    let secret = "hunter2".repeat(40);
    assert_eq!(message(&with_device_id(&format!("\"{secret}\""))), "deviceID must be a string of 1 to 255 characters");
    let rule = "err must be an integer between -2147483648 and 2147483647";
    assert_eq!(message(&with_err(&format!("\"{secret}\""))), rule);
    assert_eq!(message(&with_err("31415926535")), rule);
    assert!(!message(&with_timestamp(&"7".repeat(30))).contains("777"));
    assert_eq!(message("\"hunter2\""), "a record must be an object with deviceID, err and timestamp");
}

#[test]
fn an_error_in_json_is_as_in_the_contract() {
    let errors = read(&with_err("107.5")).unwrap_err();
    let expected = json!([{
        "index": 1,
        "field": "err",
        "code": "not_an_integer",
        "message": "err must be an integer between -2147483648 and 2147483647",
    }]);
    assert_eq!(serde_json::to_value(&errors).unwrap(), expected);
}

#[test]
fn the_error_of_an_element_that_is_not_an_object_has_a_null_field_in_json() {
    let errors = read("null").unwrap_err();
    let expected = json!([{
        "index": 1,
        "field": null,
        "code": "not_an_object",
        "message": "a record must be an object with deviceID, err and timestamp",
    }]);
    assert_eq!(serde_json::to_value(&errors).unwrap(), expected);
}

#[test]
fn every_code_and_every_field_has_its_name_in_json() {
    let codes = [
        RecordErrorCode::Missing,
        RecordErrorCode::NotAString,
        RecordErrorCode::Empty,
        RecordErrorCode::TooLong,
        RecordErrorCode::NotAnInteger,
        RecordErrorCode::NotANumber,
        RecordErrorCode::OutOfRange,
        RecordErrorCode::NotAnObject,
        RecordErrorCode::NotJson,
    ];
    let expected = json!([
        "missing",
        "not_a_string",
        "empty",
        "too_long",
        "not_an_integer",
        "not_a_number",
        "out_of_range",
        "not_an_object",
        "not_json",
    ]);
    assert_eq!(serde_json::to_value(codes).unwrap(), expected);
    let fields = [Field::DeviceId, Field::Err, Field::Timestamp];
    assert_eq!(serde_json::to_value(fields).unwrap(), json!(["deviceID", "err", "timestamp"]));
}
