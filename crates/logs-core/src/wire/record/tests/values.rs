//! What each field may hold.

use super::*;

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
        assert_eq!(errors(&with_err(text)), [(Some(Field::Err), RecordErrorCode::OutOfRange)], "{text}");
    }
}

#[test]
fn an_err_may_be_written_in_any_notation_of_an_integer() {
    for text in ["107.0", "1.07e2", "1.07E+2", "1070e-1", "107.00000"] {
        assert_eq!(read(&with_err(text)), Ok(log("d", 107, 1_514_864_773)), "{text}");
    }
    assert_eq!(read(&with_err("-2147483648.0")), Ok(log("d", i32::MIN.into(), 1_514_864_773)));
}

#[test]
fn an_err_whose_value_is_not_an_integer_is_refused_and_never_rounded() {
    for text in ["107.5", "2147483647.0000001", "1e-400", r#""107""#, r#""""#, "true", "false", "null", "[107]", "{}"] {
        assert_eq!(errors(&with_err(text)), [(Some(Field::Err), RecordErrorCode::NotAnInteger)], "{text}");
    }
    let long = "1".repeat(10_000);
    for text in ["1e400", "1e999999999999999999999", "2.147483648e9", &long, &format!("{long}e-1")] {
        let (field, code) = errors(&with_err(text))[0];
        assert_eq!(field, Some(Field::Err), "{text}");
        assert!(matches!(code, RecordErrorCode::OutOfRange | RecordErrorCode::NotAnInteger), "{text}");
    }
}

#[test]
fn an_unsigned_error_code_is_refused_with_the_signed_value_to_send() {
    for (text, signed) in [("2147942405", "-2147024891"), ("2147483648", "-2147483648"), ("4294967295.0", "-1")] {
        let hint = format!("is an unsigned 32-bit number: send {signed}");
        assert!(message(&with_err(text)).ends_with(&hint), "{}", message(&with_err(text)));
    }
    for text in ["4294967296", "-2147483649", "1e400"] {
        assert!(!message(&with_err(text)).contains("unsigned"), "{text}");
    }
}

#[test]
fn a_number_in_quotes_is_refused_with_a_message_that_says_so() {
    for text in [r#""107""#, r#""-1.5e3""#, r#"" 107 ""#] {
        assert!(message(&with_err(text)).ends_with(", without quotes"), "{text}");
        assert!(message(&with_timestamp(text)).ends_with(", without quotes"), "{text}");
    }
    assert!(!message(&with_err(r#""0x6B""#)).contains("quotes"));
    // Both mistakes at once: one message mends them.
    let unsigned = message(&with_err(r#""2147942405""#));
    assert!(unsigned.ends_with("send -2147024891, without quotes"), "{unsigned}");
    let milliseconds = message(&with_timestamp(r#""1514864773000""#));
    assert!(milliseconds.ends_with("divide it by 1000, without quotes"), "{milliseconds}");
    assert!(message(&with_device_id("107")).ends_with(", in quotes"));
}

#[test]
fn a_timestamp_reaches_from_1970_to_the_end_of_9999() {
    for (text, seconds) in [("0", 0), ("-0", 0), ("2147483648", 1 << 31), ("253402300799", 253_402_300_799)] {
        assert_eq!(read(&with_timestamp(text)), Ok(log("d", 107, seconds)), "{text}");
    }
    for text in ["-1", "253402300800", "-253402300799", &"9".repeat(30)] {
        assert_eq!(errors(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::OutOfRange)], "{text}");
    }
}

#[test]
fn the_fraction_of_a_second_is_dropped() {
    for (text, seconds) in [
        ("1514864773.0", 1_514_864_773),
        ("1514864773.999", 1_514_864_773),
        ("253402300799.9", Timestamp::MAX),
        ("0.5", 0),
    ] {
        assert_eq!(read(&with_timestamp(text)), Ok(log("d", 107, seconds)), "{text}");
    }
    assert_eq!(read(&with_timestamp("1.514864773e9")), Ok(log("d", 107, 1_514_864_773)));
    for text in ["-0.5", "1e400", "-1e400"] {
        assert_eq!(errors(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::OutOfRange)], "{text}");
    }
}

#[test]
fn a_timestamp_of_another_type_is_not_a_number() {
    for text in [r#""1514864773""#, "null", "true", "[]", r#""2018-01-02T03:46:13Z""#] {
        assert_eq!(errors(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::NotANumber)], "{text}");
    }
}

#[test]
fn a_timestamp_in_another_unit_is_refused_with_the_unit_and_the_factor() {
    for (text, unit, factor) in [
        ("253402300800", "milliseconds", "1000"),
        ("1514864773000", "milliseconds", "1000"),
        ("253402300799999", "milliseconds", "1000"),
        ("253402300800000", "microseconds", "1000000"),
        ("1514864773000000", "microseconds", "1000000"),
        ("1514864773000000000", "nanoseconds", "1000000000"),
    ] {
        let expected =
            format!("timestamp must be Unix time in seconds, and {text} looks like {unit}: divide it by {factor}");
        assert_eq!(message(&with_timestamp(text)), expected);
        assert_eq!(errors(&with_timestamp(text)), [(Some(Field::Timestamp), RecordErrorCode::OutOfRange)]);
    }
    assert!(message(&with_timestamp("1.514864773e12")).contains("1514864773000 looks like milliseconds"));
}

#[test]
fn a_number_that_fits_no_unit_gets_no_hint() {
    for text in ["-1", "-1514864773000", &"9".repeat(30), "1e400"] {
        let expected = "timestamp must be a number between 0 and 253402300799, Unix time in seconds";
        assert_eq!(message(&with_timestamp(text)), expected, "{text}");
    }
    // Only timestamps have a unit.
    assert!(!message(&with_err("1514864773000")).contains("seconds"));
}

#[test]
fn a_device_id_has_1_to_255_characters_whatever_their_bytes() {
    for character in ["x", "é", "😀"] {
        let longest = character.repeat(255);
        let accepted = read(&with_device_id(&format!("\"{longest}\"")));
        assert_eq!(accepted, Ok(log(&longest, 107, 1_514_864_773)), "{character}");
        let too_long = with_device_id(&format!("\"{longest}{character}\""));
        assert_eq!(errors(&too_long), [(Some(Field::DeviceId), RecordErrorCode::TooLong)], "{character}");
    }
    assert_eq!(errors(&with_device_id(r#""""#)), [(Some(Field::DeviceId), RecordErrorCode::Empty)]);
}

#[test]
fn an_escaped_character_of_a_device_id_counts_as_one() {
    let accepted = read(&with_device_id(&format!("\"{}\"", r"\ud83d\ude00".repeat(255))));
    assert_eq!(accepted, Ok(log(&"😀".repeat(255), 107, 1_514_864_773)));
    let too_long = with_device_id(&format!("\"{}\"", r"\u0078".repeat(256)));
    assert_eq!(errors(&too_long), [(Some(Field::DeviceId), RecordErrorCode::TooLong)]);
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
fn a_device_id_of_another_type_is_not_a_string() {
    let lone_surrogates = [r#""\ud800""#, r#""\udc00""#, r#""a\ud83d b""#, r#""\ud83d\ud83d""#];
    for json in ["107", "null", "true", "[]", r#"["d"]"#, "{}"].into_iter().chain(lone_surrogates) {
        assert_eq!(errors(&with_device_id(json)), [(Some(Field::DeviceId), RecordErrorCode::NotAString)], "{json}");
    }
}

#[test]
fn ten_thousand_levels_of_nesting_in_a_field_are_a_wrong_value() {
    let deep = nested(10_000);
    assert_eq!(errors(&with_device_id(&deep)), [(Some(Field::DeviceId), RecordErrorCode::NotAString)]);
    assert_eq!(errors(&with_err(&deep)), [(Some(Field::Err), RecordErrorCode::NotAnInteger)]);
}
