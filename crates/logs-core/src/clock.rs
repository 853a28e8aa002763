//! The one place that asks the time. Everything else gets it passed in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Since 1970, by this machine's clock; zero if that clock stands before 1970.
#[must_use]
pub fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Unix seconds by this machine's clock.
#[must_use]
pub fn unix_seconds() -> i64 {
    seconds(since_epoch())
}

/// A time since 1970 in Unix seconds.
#[must_use]
pub fn seconds(since_epoch: Duration) -> i64 {
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}
