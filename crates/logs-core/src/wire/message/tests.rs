use super::*;
use crate::MAX_RECORDS;

fn decode(body: &str) -> Result<Message, MessageError> {
    Message::decode("id".to_owned(), body)
}

fn batch(body: &str) -> Batch {
    Batch::parse(body.as_bytes()).unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

const BODY: &str =
    r#"[{"deviceID":"any_device_token","err":107,"timestamp":1514864773},{"deviceID":"b","err":-1,"timestamp":0}]"#;
const MESSAGE: &str =
    r#"{"version":1,"key":"k","received_at":1764000000,"logs":[["any_device_token",107,1514864773],["b",-1,0]]}"#;

/// 1764000000 seconds.
const RECEIVED_AT: Duration = Duration::from_hours(490_000);

#[test]
fn a_message_has_the_documented_format_and_decodes_to_the_same_batch() {
    let batch = batch(BODY);
    assert_eq!(Message::encode(&batch, Some(&key("k")), RECEIVED_AT).as_deref(), Some(MESSAGE));
    let message = decode(MESSAGE).unwrap();
    assert_eq!((message.id(), message.batch().key, message.received_at()), ("id", &key("k"), 1_764_000_000));
    assert_eq!((message.batch().fingerprint, message.logs()), (Fingerprint::of(&batch), batch.logs()));
}

#[test]
fn a_batch_without_a_key_gets_one_and_only_that_message_counts_as_ours() {
    let batch = batch(BODY);
    let text = Message::encode(&batch, None, RECEIVED_AT).unwrap();
    let own = decode(&text).unwrap();
    assert!(text.starts_with(r#"{"version":2,"key":""#), "{text}");
    assert_eq!((own.own_key(), own.received_at(), own.logs()), (own.key().random_part(), 1_764_000_000, batch.logs()));
    // A client may choose a key of the same form, and messages of earlier releases have one.
    let of_client = decode(&text.replace("\"version\":2", "\"version\":1")).unwrap();
    assert_eq!((of_client.own_key(), of_client.key()), (None, own.key()));
    assert_eq!(decode(&MESSAGE.replace("\"version\":1", "\"version\":2")), Err(MessageError::Value("key")));
}

#[test]
fn the_fingerprint_of_a_batch_with_rejected_records_travels_along() {
    let batch = batch(&BODY.replacen('[', "[7,", 1));
    let text = Message::encode(&batch, Some(&key("k")), Duration::from_secs(1)).unwrap();
    let message = decode(&text).unwrap();
    assert_eq!((message.batch().fingerprint, message.logs()), (Fingerprint::of(&batch), batch.logs()));
}

#[test]
fn unusual_device_ids_and_keys_survive_in_characters_that_sqs_accepts() {
    for name in ["\0\u{1f}\u{7f}", "\"\\/", "\u{fffe}\u{ffff}\u{10ffff}", "😀", "\u{2028}"] {
        let body = serde_json::json!({ "deviceID": name, "err": 1, "timestamp": 1 }).to_string();
        let text = Message::encode(&batch(&body), Some(&key("\"\\")), Duration::from_secs(1)).unwrap();
        assert!(text.chars().all(|character| character >= ' ' && !"\u{fffe}\u{ffff}".contains(character)), "{text}");
        let message = decode(&text).unwrap();
        assert_eq!((message.logs()[0].device_id().as_str(), message.batch().key), (name, &key("\"\\")));
    }
}

#[test]
fn the_longest_body_fits_a_message() {
    let record = |name: &str| format!(r#"{{"deviceID":"{name}","err":1,"timestamp":1}}"#);
    let overhead = record("").len() + 1;
    // As many full names as fit, and the last one shorter: exactly 1 MiB.
    for character in ["x", "ß", "漢", "😀", "\\u0001"] {
        let (mut body, mut count) = (String::from("["), 0);
        while count < MAX_RECORDS - 1 && body.len() + 255 * character.len() + overhead <= crate::MAX_BODY_BYTES {
            body += &(record(&character.repeat(255)) + ",");
            count += 1;
        }
        body += &(record("y") + "]");
        body = format!("{}{body}", " ".repeat(crate::MAX_BODY_BYTES - body.len()));
        assert_eq!(body.len(), crate::MAX_BODY_BYTES);
        let batch = batch(&body);
        let latest = Duration::from_secs(u64::try_from(Timestamp::MAX).unwrap());
        let text = Message::encode(&batch, Some(&key(&"k".repeat(64))), latest).expect("it fits");
        assert_eq!(decode(&text).unwrap().logs(), batch.logs(), "{character}");
    }
}

#[test]
fn a_batch_of_characters_that_need_escapes_may_be_too_long_for_a_message() {
    let record = format!(r#"{{"deviceID":"{}","err":1,"timestamp":1}}"#, "\u{ffff}".repeat(255));
    let batch = batch(&format!("[{}]", vec![record; 1000].join(",")));
    assert_eq!(Message::encode(&batch, Some(&key("k")), Duration::from_secs(1)), None);
}

#[test]
fn an_unknown_version_is_reported_before_any_other_error() {
    for body in [r#"{"version":3}"#, &MESSAGE.replace("\"version\":1", "\"version\":3"), r#"{"version":0,"logs":7}"#] {
        assert!(matches!(decode(body), Err(MessageError::UnknownVersion(_))), "{body}");
    }
}

#[test]
fn unknown_fields_are_ignored() {
    let body = MESSAGE.replacen('{', r#"{"trace":{"id":[]},"#, 1);
    assert_eq!(decode(&body), decode(MESSAGE));
}

#[test]
fn errors_do_not_show_the_content_of_the_message() {
    let long = "x".repeat(256);
    for (from, to, expected) in [
        ("\"k\"", "\"\"", "key"),
        ("\"k\"", "\"a b\"", "key"),
        ("1764000000", "-1", "received_at"),
        ("1764000000", "253402300800", "received_at"),
        ("\"b\"", "\"\"", "deviceID"),
        ("\"b\"", &format!("\"{long}\""), "deviceID"),
        ("-1,0", "2147483648,0", "err"),
        ("-1,0", "1,-1", "timestamp"),
        (r#"["any_device_token",107,1514864773],["b",-1,0]"#, "", "logs"),
        ("\"logs\"", "\"fingerprint\":\"ab\",\"logs\"", "fingerprint"),
    ] {
        let body = MESSAGE.replace(from, to);
        assert_eq!(decode(&body), Err(MessageError::Value(expected)), "{body}");
    }
    for body in ["", "7", "{}", "[", "hunter2", r#"{"version":"1"}"#, &MESSAGE.replace("107", "\"hunter2\"")] {
        let error = decode(body).unwrap_err();
        assert!(matches!(error, MessageError::NotAMessage(..)) && !error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_message_with_more_than_a_thousand_records_is_refused() {
    let logs = vec![r#"["a",1,1]"#; MAX_RECORDS + 1].join(",");
    let body = format!(r#"{{"version":1,"key":"k","received_at":1,"logs":[{logs}]}}"#);
    assert_eq!(decode(&body), Err(MessageError::Value("logs")));
}
