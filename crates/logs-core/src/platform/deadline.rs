//! The moment by which a response must be on its way.

use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout_at};

/// The end of a request's time. Everything that waits is limited by one, so that no request outlives it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Lambda's maximum timeout of a function.
    const MAX_FUNCTION: Duration = Duration::from_mins(15);

    /// The time for an event whose deadline is impossible: half of the functions' timeout.
    const FALLBACK: Duration = Duration::from_secs(5);

    /// The deadline of work that must be finished in `remaining`, at most a quarter of an hour. A tenth of it, 50 ms to
    /// 1 s, is reserved for sending the response.
    pub fn within(remaining: Duration) -> Self {
        let reserve = (remaining / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        Self(Instant::now() + remaining.saturating_sub(reserve).min(Self::MAX_FUNCTION))
    }

    /// The deadline of a Lambda event. `ends_at_ms`: when Lambda ends the function, in Unix milliseconds. Impossible
    /// deadlines are ignored: an event that just arrived with no time left, or with more than 15 minutes.
    pub fn of_event(ends_at_ms: u64, now: Duration) -> Self {
        let remaining = Duration::from_millis(ends_at_ms).saturating_sub(now);
        let is_credible = !remaining.is_zero() && remaining <= Self::MAX_FUNCTION;
        Self::within(if is_credible { remaining } else { Self::FALLBACK })
    }

    /// This deadline, or the one in `limit` from now if that comes first.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self(self.0.min(Instant::now() + limit))
    }

    /// The time that is left; zero after the deadline.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Runs the work. If the deadline comes first, the work is dropped and the result is an error.
    pub fn limit<F: IntoFuture>(self, work: F) -> Timeout<F::IntoFuture> {
        timeout_at(self.0, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Asserts that the new deadline is exactly `expected` from now, without sleeping.
    #[track_caller]
    fn assert_in(expected: Duration, make: impl FnOnce() -> Deadline) {
        let before = Instant::now();
        let Deadline(end) = make();
        let after = Instant::now();
        assert!(
            before + expected <= end && end <= after + expected,
            "{:?} instead of {expected:?}",
            end.saturating_duration_since(before)
        );
    }

    #[test]
    fn a_tenth_of_the_time_is_reserved_for_the_response() {
        assert_in(ms(900), || Deadline::within(ms(1_000)));
        assert_in(ms(4_500), || Deadline::within(ms(5_000)));
    }

    #[test]
    fn at_least_50_ms_and_at_most_1_s_are_kept_back() {
        assert_in(ms(50), || Deadline::within(ms(100)));
        assert_in(ms(19_000), || Deadline::within(ms(20_000)));
    }

    #[test]
    fn no_deadline_is_later_than_the_maximum_timeout_of_lambda() {
        assert_in(ms(899_000), || Deadline::within(ms(900_000)));
        assert_in(ms(900_000), || Deadline::within(Duration::MAX));
    }

    #[test]
    fn a_remaining_time_below_the_reserve_leaves_nothing() {
        assert!(Deadline::within(Duration::ZERO).remaining().is_zero());
        assert!(Deadline::within(ms(50)).remaining().is_zero());
        assert!(!Deadline::within(HOUR).remaining().is_zero());
    }

    #[test]
    fn an_event_ends_when_lambda_says() {
        let now = ms(1_764_000_000_000);
        assert_in(ms(9_000), || Deadline::of_event(1_764_000_010_000, now));
        assert_in(ms(50), || Deadline::of_event(1_764_000_000_100, now));
        assert_in(ms(899_000), || Deadline::of_event(1_764_000_900_000, now));
    }

    #[test]
    fn an_impossible_deadline_is_ignored() {
        let now = ms(1_764_000_000_000);
        for ends_at_ms in [0, 1_763_999_999_999, 1_764_000_000_000, 1_764_000_900_001, u64::MAX] {
            assert_in(ms(4_500), || Deadline::of_event(ends_at_ms, now));
        }
        assert_in(ms(4_500), || Deadline::of_event(1_764_000_010_000, Duration::ZERO));
    }

    #[test]
    fn a_limit_shortens_and_never_lengthens() {
        let deadline = Deadline::within(ms(10_000));
        assert_in(ms(500), || deadline.at_most(ms(500)));
        assert_eq!(deadline.at_most(HOUR).0, deadline.0);
    }

    #[tokio::test]
    async fn work_that_never_ends_is_cut_off() {
        let deadline = Deadline::within(Duration::ZERO);
        assert!(deadline.limit(std::future::pending::<()>()).await.is_err());
    }

    #[tokio::test]
    async fn work_that_is_done_in_time_returns_its_result() {
        assert_eq!(Deadline::within(HOUR).limit(async { 107 }).await, Ok(107));
    }

    #[tokio::test]
    async fn a_result_that_is_ready_is_returned_even_after_the_deadline() {
        assert_eq!(Deadline::within(Duration::ZERO).limit(std::future::ready(107)).await, Ok(107));
    }
}
