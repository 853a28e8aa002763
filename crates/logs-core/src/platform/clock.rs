//! The only place that reads the time. Everything else gets it passed in.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time since 1970 by this machine's clock; zero if that clock shows an earlier time.
pub fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Unix seconds by this machine's clock.
pub fn unix_seconds() -> i64 {
    seconds(since_epoch())
}

/// A time since 1970 in Unix seconds.
pub fn seconds(since_epoch: Duration) -> i64 {
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

/// A moment by two clocks. The monotonic clock may stand still while an environment is frozen; the wall clock may be
/// set.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the monotonic clock.
    pub monotonic: Instant,
    /// Since 1970, by the wall clock.
    pub wall: Duration,
}

impl Moment {
    /// The current moment.
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: since_epoch() }
    }

    /// Whether it is less than `limit` ago by both clocks. It is not if the wall clock was set back.
    pub fn is_within(self, limit: Duration, now: Self) -> bool {
        let wall = now.wall.checked_sub(self.wall);
        now.monotonic.saturating_duration_since(self.monotonic) < limit && wall.is_some_and(|wall| wall < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_within_a_limit_only_by_both_clocks() {
        let then = Moment { monotonic: Instant::now(), wall: Duration::from_secs(1_000) };
        let is_within_a_second = |monotonic: u64, wall: u64| {
            let monotonic = then.monotonic + Duration::from_millis(monotonic);
            then.is_within(Duration::from_secs(1), Moment { monotonic, wall: Duration::from_millis(wall) })
        };
        assert!(is_within_a_second(999, 1_000_999));
        assert!(!is_within_a_second(1_000, 1_000_999), "past by the monotonic clock");
        assert!(!is_within_a_second(0, 1_001_000), "frozen: only the wall clock went on");
        assert!(!is_within_a_second(10, 999_999), "the wall clock was set back");
    }

    #[test]
    fn unix_time_counts_whole_seconds_since_1970() {
        assert_eq!(seconds(Duration::from_millis(1_764_000_000_999)), 1_764_000_000);
        assert_eq!(seconds(Duration::MAX), i64::MAX);
        let before = since_epoch();
        let now = unix_seconds();
        // This code is newer than 2025, and runs before 2100.
        assert!((1_764_000_000..4_102_444_800).contains(&now), "{now}");
        assert!(now >= seconds(before), "{now}");
    }

    #[test]
    fn no_moment_is_within_a_limit_of_zero() {
        let now = Moment::now();
        assert!(!now.is_within(Duration::ZERO, now));
    }
}
