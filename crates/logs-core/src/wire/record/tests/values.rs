//! What each field may hold.

use super::*;
use crate::wire::record::is_milliseconds;

#[test]
fn every_i32_is_an_error_code() {
    for (text, err) in
        [("-2147483648", -2_147_483_648), ("2147483647", 2_147_483_647), ("0", 0), ("-0", 0), ("107", 107)]
    {
        assert_eq!(read(&with_err(text)), Ok(log("d", err, 1_514_864_773)), "{text}");
    }
}

#[test]
fn an_err_beyond_i32_is_out_of_range() {
    let thirty_digits = "1".repeat(30);
    for text in ["2147483648", "-2147483649", "9223372036854775808", &thirty_digits, &format!("-{thirty_digits}")] {
        assert_eq!(faults(&with_err(text)), [(Some(Field::Err), RecordErrorCode::OutOfRange)], "{text}");
    }
}

#[test]
fn an_err_that_is_not_written_as_an_integer_is_not_an_integer() {
    for text in ["107.5", "107.0", "1e2", "1E2", "1e999", r#""107""#, r#""""#, "true", "false", "null", "[107]", "{}"] {
        assert_eq!(faults(&with_err(text)), [(Some(Field::Err), RecordErrorCode::NotAnInteger)], "{text}");
    }
}

#[test]
fn a_timestamp_reaches_from_1970_to_the_end_of_9999() {
    for (text, seconds) in [("0", 0), ("-0", 0), ("2147483648", 1 << 31), ("253402300799", 253_402_300_799)] {
        assert_eq!(read(&with_timestamp(text)), Ok(log("d", 107, seconds)), "{text}");
    }
    for text in ["-1", "253402300800", "-253402300799", &"9".repeat(30)] {
        assert_eq!(faults(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::OutOfRange)], "{text}");
    }
}

#[test]
fn a_timestamp_that_is_not_written_as_an_integer_is_not_an_integer() {
    for text in ["1e10", "1514864773.0", r#""1514864773""#, "null", "true", "[]", r#""2018-01-02T03:46:13Z""#] {
        assert_eq!(faults(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::NotAnInteger)], "{text}");
    }
}

#[test]
fn milliseconds_are_refused_with_a_message_that_says_so() {
    for text in ["1514864773000", "253402300800", "253402300799999"] {
        let expected =
            format!("timestamp must be Unix time in seconds, and {text} looks like milliseconds: divide it by 1000");
        assert_eq!(message(&with_timestamp(text)), expected);
        assert_eq!(faults(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::OutOfRange)]);
    }
}

#[test]
fn the_last_second_of_9999_is_not_taken_for_milliseconds() {
    assert!(!is_milliseconds(Timestamp::MAX));
    assert!(is_milliseconds(Timestamp::MAX + 1));
}

#[test]
fn what_cannot_be_milliseconds_is_not_called_milliseconds() {
    for text in ["-1", "-1514864773000", "253402300800000", "1514864773000000", &"9".repeat(30)] {
        let expected = "timestamp must be an integer between 0 and 253402300799, Unix time in seconds";
        assert_eq!(message(&with_timestamp(text)), expected, "{text}");
    }
    // Only timestamps have a unit.
    assert!(!message(&with_err("1514864773000")).contains("milliseconds"));
}

#[test]
fn a_device_id_has_1_to_255_characters_whatever_their_bytes() {
    for character in ["x", "é", "😀"] {
        let longest = character.repeat(255);
        let accepted = read(&with_device_id(&format!("\"{longest}\"")));
        assert_eq!(accepted, Ok(log(&longest, 107, 1_514_864_773)), "{character}");
        let too_long = with_device_id(&format!("\"{longest}{character}\""));
        assert_eq!(faults(&too_long), [(Some(Field::DeviceId), RecordErrorCode::TooLong)], "{character}");
    }
    assert_eq!(faults(&with_device_id(r#""""#)), [(Some(Field::DeviceId), RecordErrorCode::Empty)]);
}

#[test]
fn an_escaped_character_of_a_device_id_counts_as_one() {
    let accepted = read(&with_device_id(&format!("\"{}\"", r"\ud83d\ude00".repeat(255))));
    assert_eq!(accepted, Ok(log(&"😀".repeat(255), 107, 1_514_864_773)));
    let too_long = with_device_id(&format!("\"{}\"", r"\u0078".repeat(256)));
    assert_eq!(faults(&too_long), [(Some(Field::DeviceId), RecordErrorCode::TooLong)]);
}

#[test]
fn a_device_id_may_hold_any_character() {
    for (json, device_id) in [
        (r#""\u0000""#, "\0"),
        (r#"" ""#, " "),
        (r#""it's \"quoted\" \\ `--`; DROP TABLE Logs""#, r#"it's "quoted" \ `--`; DROP TABLE Logs"#),
        (r#""a\n\t\r\b\f\/b""#, "a\n\t\r\u{8}\u{c}/b"),
        (r#""\ufeff\u202e""#, "\u{feff}\u{202e}"),
        (r#""{\"err\":1},]""#, r#"{"err":1},]"#),
    ] {
        assert_eq!(read(&with_device_id(json)), Ok(log(device_id, 107, 1_514_864_773)), "{json}");
    }
}

#[test]
fn a_device_id_that_is_no_text_is_not_a_string() {
    let lone_surrogates = [r#""\ud800""#, r#""\udc00""#, r#""a\ud83d b""#, r#""\ud83d\ud83d""#];
    for json in ["107", "null", "true", "[]", r#"["d"]"#, "{}"].into_iter().chain(lone_surrogates) {
        assert_eq!(faults(&with_device_id(json)), [(Some(Field::DeviceId), RecordErrorCode::NotAString)], "{json}");
    }
}

#[test]
fn ten_thousand_levels_in_a_known_field_are_just_a_wrong_value() {
    let deep = nested(10_000);
    assert_eq!(faults(&with_device_id(&deep)), [(Some(Field::DeviceId), RecordErrorCode::NotAString)]);
    assert_eq!(faults(&with_err(&deep)), [(Some(Field::Err), RecordErrorCode::NotAnInteger)]);
}
