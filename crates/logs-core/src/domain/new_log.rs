//! One error code that a device reports. Each part has one parsing function.

use crate::RecordErrorCode;

/// The device that reports: 1–255 Unicode characters (characters, not bytes).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// The longest id, in characters; `device_id` is a `VARCHAR(255)`.
    pub const MAX_CHARACTERS: usize = 255;

    /// Accepts 1–255 characters; otherwise `empty` or `too_long`.
    pub fn parse(text: String) -> Result<Self, RecordErrorCode> {
        match text.chars().take(Self::MAX_CHARACTERS + 1).count() {
            0 => Err(RecordErrorCode::Empty),
            1..=Self::MAX_CHARACTERS => Ok(Self(text)),
            _ => Err(RecordErrorCode::TooLong),
        }
    }

    /// The id as the device sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The device's own error code: any `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(i32);

impl ErrorCode {
    /// Accepts an `i32`; otherwise `out_of_range`.
    pub fn parse(number: i64) -> Result<Self, RecordErrorCode> {
        i32::try_from(number).map(Self).map_err(|_| RecordErrorCode::OutOfRange)
    }

    /// The code.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// When the error occurred: Unix seconds by the device's clock, which may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second of the year 9999.
    pub const MAX: i64 = 253_402_300_799;

    /// Accepts 0 … [`Self::MAX`]; otherwise `out_of_range`.
    pub fn parse(seconds: i64) -> Result<Self, RecordErrorCode> {
        if (0..=Self::MAX).contains(&seconds) { Ok(Self(seconds)) } else { Err(RecordErrorCode::OutOfRange) }
    }

    /// Unix seconds.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// How far a device's clock may run ahead of the service's, in seconds.
const MAX_CLOCK_LEAD: i64 = 300;

/// 2010-01-01. No device of this service is older. An earlier time comes from a clock that was never set or lost its
/// battery (1970, 1980, 2000), or from a GPS receiver that is one week-number rollover behind.
const CLOCKLESS_BEFORE: i64 = 1_262_304_000;

/// The sort key of "most recent", in Unix seconds: the device's time, but at most five minutes after the log was
/// received. If the device has no clock, the time of receipt. So a clock that runs ahead cannot fill a dashboard, and a
/// device without a clock is not invisible.
///
/// SQL repeats this rule in the column `ranked_at`, because the index needs it there (`migrations/`). A test compares them.
pub fn ranked_at(timestamp: i64, received_at: i64) -> i64 {
    if timestamp < CLOCKLESS_BEFORE { received_at } else { timestamp.min(received_at + MAX_CLOCK_LEAD) }
}

/// A valid error code that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLog {
    device_id: DeviceId,
    error_code: ErrorCode,
    timestamp: Timestamp,
}

impl NewLog {
    /// Builds a log from its parts. Each part is valid, so the log is.
    pub fn new(device_id: DeviceId, error_code: ErrorCode, timestamp: Timestamp) -> Self {
        Self { device_id, error_code, timestamp }
    }

    /// The device that reports.
    pub fn device_id(&self) -> &DeviceId {
        &self.device_id
    }

    /// The error code.
    pub fn error_code(&self) -> ErrorCode {
        self.error_code
    }

    /// When the error occurred, by the device's clock.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_device_id_is_counted_in_characters() {
        assert_eq!(DeviceId::parse(String::new()), Err(RecordErrorCode::Empty));
        for character in ["x", "ß", "漢", "😀"] {
            for length in [1, 255] {
                let text = character.repeat(length);
                assert_eq!(DeviceId::parse(text.clone()).unwrap().as_str(), text);
            }
            assert_eq!(DeviceId::parse(character.repeat(256)), Err(RecordErrorCode::TooLong));
        }
    }

    #[test]
    fn a_combining_accent_counts_as_a_character() {
        assert!(DeviceId::parse("e\u{301}".repeat(127) + "e").is_ok());
        assert_eq!(DeviceId::parse("e\u{301}".repeat(128)), Err(RecordErrorCode::TooLong));
    }

    #[test]
    fn an_error_code_is_an_i32() {
        for number in [i32::MIN, -1, 0, 107, i32::MAX] {
            assert_eq!(ErrorCode::parse(number.into()).map(ErrorCode::get), Ok(number));
        }
        for number in [i64::MIN, i64::from(i32::MIN) - 1, i64::from(i32::MAX) + 1, i64::MAX] {
            assert_eq!(ErrorCode::parse(number), Err(RecordErrorCode::OutOfRange));
        }
    }

    #[test]
    fn a_timestamp_ends_with_the_year_9999() {
        for seconds in [0, 1, 1_514_864_773, 253_402_300_799] {
            assert_eq!(Timestamp::parse(seconds).map(Timestamp::get), Ok(seconds));
        }
        for seconds in [i64::MIN, -1, 253_402_300_800, i64::MAX] {
            assert_eq!(Timestamp::parse(seconds), Err(RecordErrorCode::OutOfRange));
        }
    }

    #[test]
    fn a_log_ranks_by_the_devices_clock_unless_it_runs_ahead_or_is_not_set() {
        let received_at = 1_764_000_000;
        for (timestamp, expected) in [
            (0, received_at),
            (315_532_800, received_at), // 1980
            (946_684_800, received_at), // 2000
            (1_262_303_999, received_at),
            (1_262_304_000, 1_262_304_000),
            (received_at - 1, received_at - 1),
            (received_at + 300, received_at + 300),
            (received_at + 301, received_at + 300),
            (Timestamp::MAX, received_at + 300),
        ] {
            assert_eq!(ranked_at(timestamp, received_at), expected, "{timestamp}");
        }
    }

    #[test]
    fn a_log_returns_the_parts_that_it_was_built_from() {
        let device_id = DeviceId::parse("any_device_token".to_owned()).unwrap();
        let log = NewLog::new(device_id, ErrorCode::parse(107).unwrap(), Timestamp::parse(1_514_864_773).unwrap());
        assert_eq!(log.device_id().as_str(), "any_device_token");
        assert_eq!(log.error_code().get(), 107);
        assert_eq!(log.timestamp().get(), 1_514_864_773);
    }
}
