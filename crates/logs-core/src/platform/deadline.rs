//! The moment by which an answer must be on its way.

use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout_at};

/// No request outlives its deadline: whatever waits, waits under one of these.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// What Lambda gives a function at most.
    const MAX_FUNCTION: Duration = Duration::from_mins(15);

    /// What an event gets when this machine's clock cannot tell when it ends: the half of what the functions are given.
    const WITHOUT_A_CLOCK: Duration = Duration::from_secs(5);

    /// The deadline of work that has to be finished in `remaining`, a quarter of an hour at most. A tenth of it, 50 ms to
    /// 1 s, is kept back for sending the answer.
    #[must_use]
    pub fn within(remaining: Duration) -> Self {
        let reserve = (remaining / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
        Self(Instant::now() + remaining.saturating_sub(reserve).min(Self::MAX_FUNCTION))
    }

    /// The deadline of a Lambda event, from the Unix milliseconds at which Lambda ends the function and the
    /// time now. An event that just came and has no time left, or more than there is, says that the clock is wrong.
    #[must_use]
    pub fn of_event(ends_at_ms: u64, now: Duration) -> Self {
        let remaining = Duration::from_millis(ends_at_ms).saturating_sub(now);
        let is_credible = !remaining.is_zero() && remaining <= Self::MAX_FUNCTION;
        Self::within(if is_credible { remaining } else { Self::WITHOUT_A_CLOCK })
    }

    /// This deadline, or the one in `limit` from now if that comes first.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self(self.0.min(Instant::now() + limit))
    }

    /// How much time is left; zero when it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The work, or an error when the deadline comes first; the work is dropped then.
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

    /// The deadline must lie exactly that far from the moment at which it is made. Nothing here sleeps.
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
    fn a_tenth_is_kept_back_for_the_answer() {
        assert_in(ms(900), || Deadline::within(ms(1_000)));
        assert_in(ms(4_500), || Deadline::within(ms(5_000)));
    }

    #[test]
    fn at_least_50_ms_and_at_most_1_s_are_kept_back() {
        assert_in(ms(50), || Deadline::within(ms(100)));
        assert_in(ms(19_000), || Deadline::within(ms(20_000)));
    }

    #[test]
    fn no_work_takes_longer_than_lambda_lets_a_function_run() {
        assert_in(ms(899_000), || Deadline::within(ms(900_000)));
        assert_in(ms(900_000), || Deadline::within(Duration::MAX));
    }

    #[test]
    fn too_little_time_is_no_time() {
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
    fn a_clock_that_is_ahead_of_the_end_or_far_behind_it_is_not_believed() {
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
    async fn work_that_never_ends_is_ended() {
        let deadline = Deadline::within(Duration::ZERO);
        assert!(deadline.limit(std::future::pending::<()>()).await.is_err());
    }

    #[tokio::test]
    async fn work_that_is_done_in_time_gives_its_result() {
        assert_eq!(Deadline::within(HOUR).limit(async { 107 }).await, Ok(107));
    }

    #[tokio::test]
    async fn a_result_that_is_there_already_is_not_thrown_away() {
        assert_eq!(Deadline::within(Duration::ZERO).limit(std::future::ready(107)).await, Ok(107));
    }
}
