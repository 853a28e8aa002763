//! The numbers in the reports, and their format.

use local::numbers;

#[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 of anything here")]
pub(crate) fn number(count: impl TryInto<u64>) -> f64 {
    whole(count) as f64
}

pub(crate) fn whole(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}

/// NaN if there are no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `12,345`
pub(crate) fn grouped(count: impl TryInto<u64>) -> String {
    numbers::grouped(&whole(count).to_string())
}

/// Rounds to three digits; a measured rate is not more precise.
pub(crate) fn rounded(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a magnitude is small")]
    let digits = value.abs().max(1.0).log10().floor() as i32;
    let unit = 10_f64.powi((digits - 2).max(0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is no negative number")]
    let rounded = ((value / unit).round() * unit) as u64;
    grouped(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert!((median([3.0, 900.0, 1.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median([]).is_nan());
    }

    #[test]
    fn rates_have_three_digits() {
        let shown = [0.4, 12.3, 999.4, 1_234.0, 98_765.0, 1_234_567.0].map(rounded);
        assert_eq!(shown, ["0", "12", "999", "1,230", "98,800", "1,230,000"]);
    }
}
