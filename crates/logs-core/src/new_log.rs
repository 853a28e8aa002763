//! One error code that a device reports: the parts, each with one parsing door.

use crate::record::FaultCode;

/// Who reports: 1–255 characters (characters, not bytes), otherwise anything that Unicode allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// The longest id, in characters; `device_id` is a `VARCHAR(255)`.
    pub const MAX_CHARACTERS: usize = 255;

    /// Accepts 1–255 characters; otherwise `empty` or `too_long`.
    pub fn parse(text: String) -> Result<Self, FaultCode> {
        match text.chars().take(Self::MAX_CHARACTERS + 1).count() {
            0 => Err(FaultCode::Empty),
            1..=Self::MAX_CHARACTERS => Ok(Self(text)),
            _ => Err(FaultCode::TooLong),
        }
    }

    /// The id as the device sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What went wrong: the device's own code, any `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(i32);

impl ErrorCode {
    /// Accepts an `i32`; otherwise `out_of_range`.
    pub fn parse(number: i64) -> Result<Self, FaultCode> {
        i32::try_from(number).map(Self).map_err(|_| FaultCode::OutOfRange)
    }

    /// The code.
    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }
}

/// When it went wrong: Unix seconds by the device's clock, which may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last second of the year 9999.
    pub const MAX: i64 = 253_402_300_799;

    /// Accepts 0 … [`Self::MAX`]; otherwise `out_of_range`.
    pub fn parse(seconds: i64) -> Result<Self, FaultCode> {
        if (0..=Self::MAX).contains(&seconds) { Ok(Self(seconds)) } else { Err(FaultCode::OutOfRange) }
    }

    /// Unix seconds.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A valid error code that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLog {
    device_id: DeviceId,
    error_code: ErrorCode,
    timestamp: Timestamp,
}

impl NewLog {
    /// Puts the parts together; each of them is valid, so the whole is.
    #[must_use]
    pub fn new(device_id: DeviceId, error_code: ErrorCode, timestamp: Timestamp) -> Self {
        Self { device_id, error_code, timestamp }
    }

    /// Who reports.
    #[must_use]
    pub fn device_id(&self) -> &DeviceId {
        &self.device_id
    }

    /// What went wrong.
    #[must_use]
    pub fn error_code(&self) -> ErrorCode {
        self.error_code
    }

    /// When, by the device's clock.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}
