//! What is refused as a whole, and with which words.

use super::*;

#[test]
fn an_object_without_any_field_of_a_record_is_refused() {
    for body in ["{}", r#"{"Payload":[]}"#, r#"{"temperature":21}"#] {
        let expected = Err(BodyError::NotABatch("the object has neither the fields of a record nor a payload"));
        assert_eq!(parse(body), expected, "{body}");
    }
}

#[test]
fn a_payload_that_is_not_an_array_is_refused() {
    for body in [r#"{"payload":null}"#, r#"{"payload":7}"#, r#"{"payload":"[]"}"#, &format!(r#"{{"payload":{GOOD}}}"#)]
    {
        assert_eq!(parse(body), Err(BodyError::NotABatch("payload is not an array")), "{body}");
    }
}

#[test]
fn a_complete_record_with_an_array_under_payload_is_ambiguous_and_refused() {
    for payload in ["[]".to_owned(), "[7]".to_owned(), format!("[{GOOD}]")] {
        let body = GOOD.replacen('{', &format!("{{\"payload\":{payload},"), 1);
        let expected = Err(BodyError::NotABatch("the object is a record and has a payload as well"));
        assert_eq!(parse(&body), expected, "{body}");
    }
}

#[test]
fn two_payloads_are_refused() {
    let refused = Err(BodyError::NotABatch("the object has more than one payload"));
    assert_eq!(parse(&format!(r#"{{"payload":[{GOOD}],"payload":[{GOOD}]}}"#)), refused);
    assert_eq!(parse(&format!(r#"{{"payload":[{GOOD}],"p\u0061yload":[]}}"#)), refused);
    assert_eq!(parse(&format!(r#"{{"payload":null,"payload":[{GOOD}],"payload":null}}"#)), refused);
}

#[test]
fn json_that_is_neither_object_nor_array_is_refused() {
    for body in ["null", "true", "107", "-1.5e3", r#""text""#, r#""\ud800""#, " null "] {
        let expected = Err(BodyError::NotABatch("the body is neither an object nor an array"));
        assert_eq!(parse(body), expected, "{body}");
    }
}

#[test]
fn an_empty_body_is_called_empty() {
    for body in ["", " ", "\r\n\t ", "\u{feff}\n"] {
        assert_eq!(parse(body), Err(BodyError::Empty), "{body:?}");
    }
}

#[test]
fn an_empty_array_has_no_records() {
    for body in ["[]", "[ \n ]", r#"{"payload":[]}"#, r#"{"payload": [ ] }"#] {
        assert_eq!(parse(body), Err(BodyError::NoRecords), "{body}");
    }
}

#[test]
fn every_truncated_body_is_refused() {
    for body in shapes() {
        assert_eq!(parse(&body[..0]), Err(BodyError::Empty));
        for end in 1..body.len() {
            assert!(is_not_json(&body[..end]), "{}", &body[..end]);
        }
    }
}

#[test]
fn broken_json_is_refused_even_with_valid_records_in_it() {
    for body in [
        "deviceID=d&err=107",
        "nul",
        "NaN",
        "'text'",
        &format!("{GOOD}{GOOD}"),
        &format!("{}\n{GOOD}", &GOOD[1..]),
        &format!("[{GOOD}] x"),
        &format!("[{GOOD},]"),
        &format!("[{GOOD}}}"),
        &format!("[{GOOD},NaN]"),
        &format!("[{GOOD},0107]"),
        &format!("[{GOOD},+1]"),
        &format!("[{GOOD},\"a\nb\"]"),
        &format!("[{GOOD},\"\\x\"]"),
        &format!("[{GOOD},{{\"a\nb\":1}}]"),
        &format!("[{GOOD},{{\"\\ud8\":1}}]"),
        &format!("[{GOOD},{{err:1}}]"),
        &format!("[{GOOD}/* comment */]"),
        "{\"payload\":[1],\"a\nb\":1}",
    ] {
        assert!(is_not_json(body), "{body}: {:?}", parse(body));
    }
}

#[test]
fn the_error_of_broken_json_has_line_and_column() {
    let Err(error) = parse("[\n{\"err\":}\n]") else { panic!("accepted") };
    assert!(error.to_string().starts_with("the body is not JSON: "), "{error}");
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn the_refusal_of_a_body_that_is_not_utf8_says_where() {
    let at = |body: &[u8]| Batch::parse(body).unwrap_err();
    assert_eq!(at(b"\xff"), BodyError::NotUtf8(0));
    assert_eq!(at(b"\xff\xfe[\0]\0"), BodyError::NotUtf8(0), "UTF-16");
    assert_eq!(at(b"[\"\xc3\xa9\xe9\"]"), BodyError::NotUtf8(4), "Latin-1 after UTF-8");
    assert_eq!(at(b"\xef\xbb\xbf[\xc0\x80]"), BodyError::NotUtf8(4), "the byte order mark counts");
    assert_eq!(at(b"[1]\xf0\x9f\x98"), BodyError::NotUtf8(3), "cut within a character");
    assert_eq!(at(b"[\"\xed\xa0\x80\"]"), BodyError::NotUtf8(2), "half of a surrogate pair");
    assert_eq!(BodyError::NotUtf8(4).to_string(), "the body is not UTF-8: byte 4 is invalid");
}

#[test]
fn a_body_of_nothing_but_opening_brackets_is_not_json() {
    assert!(is_not_json(&"[".repeat(MAX_BODY_BYTES)));
    assert!(is_not_json(&r#"{"a":"#.repeat(MAX_BODY_BYTES / 5)));
}

#[test]
fn a_batch_that_breaks_off_after_a_thousand_records_is_not_json() {
    let whole = array_of("0", 1500);
    assert!(is_not_json(&whole[..whole.len() - 1]));
    assert!(is_not_json(&array_of("0", 1000).replace(']', ",}")));
}

#[test]
fn a_body_that_is_too_large_is_reported_before_any_other_error() {
    assert_eq!(Batch::parse(&vec![0xff; MAX_BODY_BYTES + 1]), Err(BodyError::TooLarge));
    assert_eq!(Batch::parse(&vec![0xff; MAX_BODY_BYTES]), Err(BodyError::NotUtf8(0)));
    assert_eq!(parse(&array_of("0", 600_000)), Err(BodyError::TooLarge));
}

#[test]
fn the_error_messages_name_the_enforced_limits() {
    assert!(BodyError::TooLarge.to_string().contains(&format!("{MAX_BODY_BYTES} bytes")));
    assert!(BodyError::TooManyRecords(5000).to_string().contains("5000 records"));
    assert!(BodyError::TooManyRecords(5000).to_string().contains(&format!("at most {MAX_RECORDS} ")));
    assert!(BodyError::NoRecords.to_string().contains(&format!("1 to {MAX_RECORDS} ")));
    let not_a_batch = BodyError::NotABatch("payload is not an array").to_string();
    assert!(
        not_a_batch.ends_with(r#"an array of records, {"payload":[records]}, or one record per line (NDJSON)"#),
        "{not_a_batch}"
    );
}
