//! The moment by which an answer must be on its way.

use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout_at};

/// No request outlives its deadline: whatever waits, waits under one of these.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The longest that any request may take; API Gateway hangs up after 29 s.
    pub const LONGEST: Duration = Duration::from_secs(28);

    /// The deadline of work that has to be finished in `remaining`. A tenth of it, 50 ms to 1 s, is kept
    /// back for sending the answer.
    #[must_use]
    pub fn within(remaining: Duration) -> Self {
        let reserve = (remaining / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        Self(Instant::now() + remaining.saturating_sub(reserve).min(Self::LONGEST))
    }

    /// The deadline of a Lambda event, from the Unix milliseconds at which Lambda ends the function and the
    /// time now.
    #[must_use]
    pub fn of_event(ends_at_ms: u64, now: Duration) -> Self {
        Self::within(Duration::from_millis(ends_at_ms).saturating_sub(now))
    }

    /// This deadline, or the one in `limit` from now if that comes first.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self(self.0.min(Instant::now() + limit))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.0 <= Instant::now()
    }

    /// The work, or an error when the deadline comes first; the work is dropped then.
    pub fn limit<F: IntoFuture>(self, work: F) -> Timeout<F::IntoFuture> {
        timeout_at(self.0, work)
    }
}
