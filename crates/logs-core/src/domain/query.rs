//! The query of GET /logs, and the positions of its pages.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{DeviceId, ErrorCode, Log, MostRecent, ranked_at};

/// Which logs, and how many. [`Query::default`] asks for the 10 most recent of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(crate) limit: u32,
    pub(crate) device_id: Option<DeviceId>,
    pub(crate) error_code: Option<ErrorCode>,
    pub(crate) before: Option<Position>,
}

impl Query {
    /// The maximum number of logs in a response.
    pub const MAX_LIMIT: u32 = 100;

    /// Whether it asks for the beginning of the whole list.
    pub(crate) fn is_of_all(&self) -> bool {
        self.device_id.is_none() && self.error_code.is_none() && self.before.is_none()
    }
}

impl Default for Query {
    fn default() -> Self {
        Self { limit: MostRecent::LIMIT, device_id: None, error_code: None, before: None }
    }
}

/// The position of a log in the list. As text: `RANKED_AT-ERROR_LOG_ID`, both in decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub(crate) ranked_at: i64,
    pub(crate) error_log_id: u64,
}

impl Position {
    /// The position of this log.
    pub fn of(log: &Log) -> Self {
        Self { ranked_at: ranked_at(log.timestamp(), log.received_at()), error_log_id: log.error_log_id() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.ranked_at, self.error_log_id)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (ranked_at, error_log_id) = text.rsplit_once('-').ok_or(InvalidPosition)?;
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        // A table that was created by hand may have times before 1970.
        if !is_number(ranked_at.strip_prefix('-').unwrap_or(ranked_at)) || !is_number(error_log_id) {
            return Err(InvalidPosition);
        }
        let ranked_at = ranked_at.parse().map_err(|_| InvalidPosition)?;
        let error_log_id = error_log_id.parse().map_err(|_| InvalidPosition)?;
        Ok(Self { ranked_at, error_log_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_from_its_text() {
        let position = Position { ranked_at: 1_764_000_000, error_log_id: u64::MAX };
        assert_eq!(position.to_string(), "1764000000-18446744073709551615");
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!("-5-7".parse(), Ok(Position { ranked_at: -5, error_log_id: 7 }));
    }

    #[test]
    fn a_text_that_is_not_a_position_is_refused() {
        for text in ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1-+2", " 1-2", "1-2 ", "a-1", "1-18446744073709551616"]
        {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
    }

    #[test]
    fn a_log_without_a_clock_is_positioned_by_its_time_of_receipt() {
        let log = Log::new(7, "d".to_owned(), 1, 0, 1_764_000_000);
        assert_eq!(Position::of(&log), Position { ranked_at: 1_764_000_000, error_log_id: 7 });
    }
}
