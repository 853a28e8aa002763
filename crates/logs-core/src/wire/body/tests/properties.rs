//! What holds for every body, tried on generated ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::Field;

/// An element of a batch, and what must become of it: a log, or errors.
type Element = (String, Result<NewLog, Vec<(Option<Field>, RecordErrorCode)>>);

fn good() -> impl Strategy<Value = Element> {
    (vec(any::<char>(), 1..=255), any::<i32>(), 0..=Timestamp::MAX).prop_map(|(device_id, err, timestamp)| {
        let device_id: String = device_id.into_iter().collect();
        let json = json!({"deviceID": device_id, "unknown": {"err": "x"}, "err": err, "timestamp": timestamp});
        let log = NewLog::new(
            DeviceId::parse(device_id).unwrap(),
            ErrorCode::parse(err.into()).unwrap(),
            Timestamp::parse(timestamp).unwrap(),
        );
        (json.to_string(), Ok(log))
    })
}

fn bad() -> impl Strategy<Value = Element> {
    let device_id = Some(Field::DeviceId);
    let err = Some(Field::Err);
    let timestamp = Some(Field::Timestamp);
    select(vec![
        ("null", vec![(None, RecordErrorCode::NotAnObject)]),
        ("[{}]", vec![(None, RecordErrorCode::NotAnObject)]),
        (r#"{"err":1,"timestamp":1}"#, vec![(device_id, RecordErrorCode::Missing)]),
        (r#"{"deviceID":"","err":1,"timestamp":1}"#, vec![(device_id, RecordErrorCode::Empty)]),
        (r#"{"deviceID":"d","err":1.5,"timestamp":1}"#, vec![(err, RecordErrorCode::NotAnInteger)]),
        (r#"{"deviceID":"d","err":1,"timestamp":-1}"#, vec![(timestamp, RecordErrorCode::OutOfRange)]),
        (
            r#"{"deviceID":7,"err":2147483648}"#,
            vec![
                (device_id, RecordErrorCode::NotAString),
                (err, RecordErrorCode::OutOfRange),
                (timestamp, RecordErrorCode::Missing),
            ],
        ),
    ])
    .prop_map(|(json, errors)| (json.to_owned(), Err(errors)))
}

/// Pieces of bodies; put together at random they are almost, and sometimes really, JSON.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\\u",
        b"\\ud800",
        b" ",
        b"\n",
        b"-",
        b"0",
        b"1e9",
        b"null",
        b"\"deviceID\":",
        b"\"err\":",
        b"\"timestamp\":",
        b"\"payload\":[",
        b"\"x\"",
        b"107",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xf0\x9f\x98\x80",
        br#"{"deviceID":"d","err":1,"timestamp":2}"#,
        br#"{"deviceID":"d","err":1,"timestamp":2},"#,
    ];
    vec(select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

/// Whatever was sent: the numbers of an answer fit each other.
fn check(body: &[u8]) -> Result<(), TestCaseError> {
    match Batch::parse(body) {
        Ok(batch) => {
            let records = batch.logs().len() + batch.rejected();
            prop_assert!(!batch.logs().is_empty() && records <= MAX_RECORDS);
            prop_assert!(batch.errors().is_sorted_by_key(|error| error.index));
            prop_assert!(batch.errors().iter().all(|error| error.index < records));
            let mut indices: Vec<_> = batch.errors().iter().map(|error| error.index).collect();
            indices.dedup();
            prop_assert_eq!(indices.len(), batch.rejected());
        }
        Err(BodyError::NoValidRecord(errors)) => prop_assert_eq!(errors.first().map(|error| error.index), Some(0)),
        Err(error) => prop_assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_get_a_consistent_response(body in vec(any::<u8>(), 0..200)) {
        check(&body)?;
    }

    #[test]
    fn almost_json_gets_a_consistent_response(body in almost_json()) {
        check(&body)?;
    }

    #[test]
    fn a_damaged_batch_gets_a_consistent_response(
        elements in vec(prop_oneof![good(), bad()], 1..5),
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let elements: Vec<_> = elements.into_iter().map(|(json, _)| json).collect();
        let mut body = format!("{{\"payload\":[{}]}}", elements.join(",")).into_bytes();
        let position = position.index(body.len());
        body[position] = byte;
        check(&body)?;
    }

    #[test]
    fn any_mix_of_good_and_bad_records_keeps_exactly_the_good_ones(
        elements in vec(prop_oneof![good(), bad()], 1..40),
        in_an_envelope in any::<bool>(),
    ) {
        let mut expected_logs = Vec::new();
        let mut expected_errors = Vec::new();
        let mut expected_rejected = 0;
        let mut body = Vec::new();
        for (index, (json, outcome)) in elements.into_iter().enumerate() {
            body.push(json);
            match outcome {
                Ok(log) => expected_logs.push(log),
                Err(errors) => {
                    expected_rejected += 1;
                    expected_errors.extend(errors.into_iter().map(|(field, code)| (index, field, code)));
                }
            }
        }
        let body = format!("[{}]", body.join(","));
        let body = if in_an_envelope { format!("{{\"payload\":{body}}}") } else { body };

        let (logs, rejected, errors) = match Batch::parse(body.as_bytes()) {
            Ok(batch) => (batch.logs().to_vec(), batch.rejected(), batch.errors().to_vec()),
            Err(BodyError::NoValidRecord(errors)) => (Vec::new(), expected_rejected, errors),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let errors: Vec<_> = errors.iter().map(|error| (error.index, error.field, error.code)).collect();
        prop_assert_eq!(logs, expected_logs);
        prop_assert_eq!(rejected, expected_rejected);
        prop_assert_eq!(errors, expected_errors);
    }
}
