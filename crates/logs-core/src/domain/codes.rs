//! The summary of recent codes: how often, on how many devices, since when.

use serde::Serialize;

use super::devices::{Devices, InvalidSketch};

/// The length of a bucket. Hours are counted from 1970.
const BUCKET_SECONDS: i64 = 3_600;

/// The window of GET /codes. [`CodesQuery::default`] is the last 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodesQuery {
    pub(crate) hours: u16,
}

impl CodesQuery {
    /// The default window. The store keeps a ranking of the codes for it.
    pub(crate) const DAY: u16 = 24;

    /// The longest window: a week. The store keeps a ranking for it as well, and no older hours.
    pub const MAX_HOURS: u16 = 168;

    /// The maximum number of codes in a response.
    pub const LIMIT: u32 = 100;

    /// The first hour of the window; the last one is that of `now` (Unix seconds).
    pub(crate) fn first_hour(self, now: i64) -> i64 {
        first_hour(self.hours, hour_of(now))
    }
}

impl Default for CodesQuery {
    fn default() -> Self {
        Self { hours: Self::DAY }
    }
}

/// The hour of a time in Unix seconds.
pub(crate) fn hour_of(seconds: i64) -> i64 {
    seconds.div_euclid(BUCKET_SECONDS)
}

/// The first hour of a window of `hours` hours that ends with `last_hour`.
pub(crate) fn first_hour(hours: u16, last_hour: i64) -> i64 {
    last_hour + 1 - i64::from(hours)
}

/// The response: `{"result":[…],"bucket_seconds":3600,"as_of":1764000000}`, most frequent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Codes {
    /// At most [`CodesQuery::LIMIT`] codes.
    pub result: Vec<CodeSummary>,
    /// The length of a bucket, in seconds.
    pub bucket_seconds: i64,
    /// The newest `received_at` that is counted. `None` if nothing is.
    pub as_of: Option<i64>,
}

/// A code within the window. Times are `received_at`, in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeSummary {
    /// The code.
    pub error_code: i32,
    /// The number of logs of this code.
    pub count: u64,
    /// How many devices sent them. May be off by 3 %.
    pub devices: u64,
    /// When the first log ever of this code was received.
    pub first_seen: i64,
    /// When the last one was received.
    pub last_seen: i64,
    /// Whether it was first seen within the window.
    pub new: bool,
    /// How many logs in each hour, oldest first. The last hour is the current one.
    pub buckets: Vec<u64>,
}

/// One of the most frequent codes, as the store keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrequentCode {
    pub(crate) error_code: i32,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
}

/// The counts of a code in one hour, as the store keeps them.
#[derive(Debug)]
pub(crate) struct CodeHour {
    pub(crate) error_code: i32,
    pub(crate) hour: i64,
    pub(crate) logs: u64,
    pub(crate) devices: Devices,
}

impl Codes {
    /// Combines the hours of each code. Both may be in any order.
    pub(crate) fn of(
        codes: &[FrequentCode],
        mut hours: Vec<CodeHour>,
        query: CodesQuery,
        now: i64,
        as_of: Option<i64>,
    ) -> Result<Self, InvalidSketch> {
        hours.sort_by_key(|hour| hour.error_code);
        let hours_of = |code: &FrequentCode| {
            let first = hours.partition_point(|hour| hour.error_code < code.error_code);
            let end = hours.partition_point(|hour| hour.error_code <= code.error_code);
            hours.get(first..end).unwrap_or_default()
        };
        let counted = codes.iter().map(|code| (code, hours_of(code))).filter(|(_, hours)| !hours.is_empty());
        let summaries = counted.map(|(code, hours)| CodeSummary::of(*code, hours, query, now));
        let mut result = summaries.collect::<Result<Vec<_>, _>>()?;
        result.sort_by_key(|code| (std::cmp::Reverse(code.count), code.error_code));
        Ok(Self { result, bucket_seconds: BUCKET_SECONDS, as_of })
    }
}

impl CodeSummary {
    fn of(code: FrequentCode, hours: &[CodeHour], query: CodesQuery, now: i64) -> Result<Self, InvalidSketch> {
        let FrequentCode { error_code, first_seen, last_seen } = code;
        let first_hour = query.first_hour(now);
        let mut buckets = vec![0; query.hours.into()];
        for CodeHour { hour, logs, .. } in hours {
            // If the service's clock ran ahead, a log has a later hour. It counts in the current one, so that it is
            // visible now.
            let bucket = usize::try_from(hour - first_hour).unwrap_or(0).min(buckets.len().saturating_sub(1));
            if let Some(count) = buckets.get_mut(bucket) {
                *count += logs;
            }
        }
        Ok(Self {
            error_code,
            count: buckets.iter().sum(),
            devices: Devices::union(hours.iter().map(|hour| &hour.devices))?.count(),
            first_seen,
            last_seen,
            new: hour_of(first_seen) >= first_hour,
            buckets,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::super::devices::DeviceHash;
    use super::*;

    const HOUR: i64 = 490_000;
    const NOW: i64 = HOUR * 3_600 + 1_799;

    fn code(error_code: i32, first_seen: i64) -> FrequentCode {
        FrequentCode { error_code, first_seen, last_seen: NOW }
    }

    fn hour(error_code: i32, hour: i64, devices: &[&str]) -> CodeHour {
        let mut set = Devices::parse(&[]).unwrap();
        for device in devices {
            set.add(DeviceHash::of(device));
        }
        CodeHour { error_code, hour, logs: devices.len() as u64, devices: set }
    }

    #[test]
    fn the_window_ends_with_the_current_hour() {
        assert_eq!(CodesQuery { hours: 1 }.first_hour(NOW), HOUR);
        assert_eq!(CodesQuery::default().first_hour(NOW), HOUR - 23);
    }

    #[test]
    fn the_codes_in_json_are_as_in_the_contract() {
        let hours = vec![hour(7, HOUR - 2, &["a"]), hour(107, HOUR, &["a", "b", "b"]), hour(107, HOUR - 2, &["a"])];
        let seen = [code(7, 5), code(107, NOW - 1)];
        let codes = Codes::of(&seen, hours, CodesQuery { hours: 3 }, NOW, Some(NOW)).unwrap();
        let expected = json!({"result": [
            {"error_code": 107, "count": 4, "devices": 2, "first_seen": NOW - 1, "last_seen": NOW, "new": true,
             "buckets": [1, 0, 3]},
            {"error_code": 7, "count": 1, "devices": 1, "first_seen": 5, "last_seen": NOW, "new": false,
             "buckets": [1, 0, 0]},
        ], "bucket_seconds": 3600, "as_of": NOW});
        assert_eq!(to_value(codes).unwrap(), expected);
    }

    #[test]
    fn codes_of_the_same_count_are_in_the_order_of_their_numbers() {
        let hours = [2, -1, 1].map(|code| hour(code, HOUR, &["a"])).into();
        let codes =
            Codes::of(&[2, -1, 1].map(|number| code(number, 0)), hours, CodesQuery::default(), NOW, None).unwrap();
        assert_eq!(codes.result.iter().map(|code| code.error_code).collect::<Vec<_>>(), [-1, 1, 2]);
    }

    #[test]
    fn an_hour_of_the_future_counts_in_the_current_bucket() {
        let hours = vec![hour(1, HOUR + 500, &["a"])];
        let codes = Codes::of(&[code(1, 0)], hours, CodesQuery { hours: 2 }, NOW, None).unwrap();
        assert_eq!(codes.result.first().map(|code| code.buckets.clone()), Some(vec![0, 1]));
    }

    #[test]
    fn a_code_is_new_from_the_first_second_of_the_window_on() {
        for (first_seen, expected) in [((HOUR - 23) * 3_600, true), ((HOUR - 23) * 3_600 - 1, false)] {
            let hours = vec![hour(1, HOUR, &["a"])];
            let codes = Codes::of(&[code(1, first_seen)], hours, CodesQuery::default(), NOW, None).unwrap();
            assert_eq!(codes.result.first().map(|code| code.new), Some(expected));
        }
    }
}
