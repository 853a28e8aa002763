//! JSON numbers, read exactly from their text. No floats: `2147483647.0000001` must not be rounded to a valid code.

/// A JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// The value without its fraction, which is dropped towards zero. `None` if it is beyond an `i64`.
    pub(super) integer: Option<i64>,
    /// Whether the value lies between two integers: `1.5` does, `1.0` and `15e-1e1` do not.
    pub(super) has_fraction: bool,
    /// Whether the value is below zero: `-0` is not.
    pub(super) is_negative: bool,
}

/// The maximum number of digits of an `i64`.
const MAX_DIGITS: i64 = 19;

impl Number {
    /// Reads a JSON value; `None` if it is not a number.
    pub(super) fn parse(json: &str) -> Option<Self> {
        if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        let (sign, unsigned) = json.strip_prefix('-').map_or((1, json), |unsigned| (-1, unsigned));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // The value is 0.d₁d₂d₃… × 10^point.
        let digits = whole.bytes().chain(fraction.bytes());
        let leading_zeros = digits.clone().take_while(|digit| *digit == b'0').count();
        let length = whole.len() + fraction.len() - leading_zeros;
        let trailing_zeros = digits.clone().rev().take_while(|digit| *digit == b'0').count().min(length);
        let significant = digits.skip(leading_zeros).take(length - trailing_zeros);
        if length == trailing_zeros {
            return Some(Self { integer: Some(0), has_fraction: false, is_negative: false });
        }
        let shift = to_i64(whole.len()).saturating_sub(to_i64(leading_zeros));
        let point = exponent_of(exponent).saturating_add(shift);
        let has_fraction = to_i64(length - trailing_zeros) > point;
        let mut digits = significant.map(|digit| i64::from(digit - b'0'));
        let integer = (0..point.min(MAX_DIGITS + 1))
            .try_fold(0_i64, |value, _| value.checked_mul(10)?.checked_add(sign * digits.next().unwrap_or(0)));
        Some(Self { integer, has_fraction, is_negative: sign < 0 })
    }
}

/// Reads an exponent. One that is too large for an `i64` becomes the largest one.
fn exponent_of(text: &str) -> i64 {
    let largest = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    text.parse().unwrap_or(largest)
}

fn to_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn integer(value: i64) -> Number {
        Number { integer: Some(value), has_fraction: false, is_negative: value < 0 }
    }

    #[test]
    fn every_notation_of_an_integer_is_the_same_number() {
        for text in ["107", "107.0", "107.000", "1.07e2", "1.07E+2", "1070e-1", "10700e-2", "0.00107e5", "107e0"] {
            assert_eq!(Number::parse(text), Some(integer(107)), "{text}");
        }
        for text in ["-20", "-2e1", "-2.0e1", "-200e-1", "-0.2e2"] {
            assert_eq!(Number::parse(text), Some(integer(-20)), "{text}");
        }
    }

    #[test]
    fn zero_has_no_sign_whatever_its_exponent() {
        for text in ["0", "-0", "0.0", "-0.0", "0e999999999999999999999", "0e-999999999999999999999", "-0.00e5"] {
            assert_eq!(Number::parse(text), Some(integer(0)), "{text}");
        }
    }

    #[test]
    fn a_fraction_is_noticed_however_small() {
        let parsed = |text: &str| Number::parse(text).map(|number| (number.integer, number.has_fraction)).unwrap();
        assert_eq!(parsed("2147483647.0000001"), (Some(2_147_483_647), true));
        assert_eq!(parsed("1514864773.999"), (Some(1_514_864_773), true));
        assert_eq!(parsed("-0.5"), (Some(0), true));
        assert_eq!(parsed("1e-400"), (Some(0), true));
        assert_eq!(parsed("1e-99999999999999999999"), (Some(0), true));
        assert_eq!(parsed(&format!("1.{}1", "0".repeat(10_000))), (Some(1), true));
    }

    #[test]
    fn a_number_that_is_too_large_is_not_rounded() {
        let digits = "9".repeat(10_000);
        for text in ["1e400", "1e99999999999999999999", "1e19", "9223372036854775808", &digits, &format!("-{digits}")] {
            assert_eq!(Number::parse(text).unwrap().integer, None, "{text}");
        }
        assert_eq!(Number::parse("9223372036854775807"), Some(integer(i64::MAX)));
        assert_eq!(Number::parse("-9223372036854775808"), Some(integer(i64::MIN)));
        assert_eq!(Number::parse(&format!("1{}e-10000", "0".repeat(10_000))), Some(integer(1)));
    }

    #[test]
    fn any_other_json_value_is_not_a_number() {
        for text in ["\"107\"", "null", "true", "[1]", "{}", "\"\""] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_integer_survives_any_shift_of_its_point(value in -999_999_999_999_i64..=999_999_999_999, zeros in 0_usize..6) {
            let padded = format!("{value}{}e-{zeros}", "0".repeat(zeros));
            prop_assert_eq!(Number::parse(&padded), Some(integer(value)));
            let with_point = format!("{value}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(Number::parse(&with_point), Some(integer(value)));
            let shifted = format!("{}{}", value, format_args!("e{zeros}"));
            prop_assert_eq!(Number::parse(&shifted), Some(integer(value * 10_i64.pow(u32::try_from(zeros).unwrap()))));
        }
    }
}
