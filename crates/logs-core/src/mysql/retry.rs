//! Work on a connection, and when it is retried.

use sqlx::MySqlConnection;

use super::connection::{Connections, TRY_LIMIT};
use super::error::{MySqlError, Refusal};
use crate::Deadline;
use crate::platform::Backoff;

/// Which failures are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryPolicy {
    /// Reads and deletions, after any failure.
    Always,
    /// Writes under a key. Once a COMMIT may have been applied, only another try can tell, so retries continue until
    /// the deadline.
    UntilKnown,
    /// Writes without a key, which must not happen twice: only after a refusal.
    IfRefused,
}

/// What a failed try stored, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing is stored, by this try or an earlier one.
    NotApplied,
    /// This try stored nothing. An earlier one may have.
    NoneByThisTry,
    /// This try may have stored everything.
    Unknown,
}

/// A try that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: sqlx::Error,
    pub(super) effect: Effect,
    /// Another request holds the lock on the ledger's row.
    pub(super) key_is_locked: bool,
}

impl Failure {
    pub(super) fn new(error: sqlx::Error, effect: Effect) -> Self {
        Self { error, effect, key_is_locked: false }
    }
}

/// For work that is a single statement.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let refused = matches!(error, sqlx::Error::Database(_));
        Self::new(error, if refused { Effect::NoneByThisTry } else { Effect::Unknown })
    }
}

/// Work on a connection. `run` is one try. A trait and not an async closure: only a trait can promise that the future is
/// `Send`, which `lambda_http` demands.
pub(super) trait Work {
    /// The result.
    type Output;

    /// When to retry.
    const RETRY: RetryPolicy;

    /// One try.
    fn run(&self, connection: &mut MySqlConnection) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// What the tries of one request have shown so far.
struct Tries {
    policy: RetryPolicy,
    outcome_is_unknown: bool,
    key_is_locked: bool,
    /// The connection of the next try is the last one, unless the outcome is unknown.
    on_last_connection: bool,
}

impl Connections {
    /// Runs the work on a connection that works. Retries it where the policy allows that and time is left.
    pub(super) async fn run<W: Work>(&self, deadline: Deadline, work: W) -> Result<W::Output, MySqlError> {
        let mut tries = Tries::new(W::RETRY);
        let mut backoff = Backoff::default();
        loop {
            let taken = self.take(deadline, tries.is_persistent()).await;
            let mut connection = taken.map_err(|error| tries.give_up(error))?;
            if deadline.remaining().is_zero() {
                self.keep(connection);
                return Err(tries.give_up(MySqlError::TooLateToSend));
            }
            let limit = if tries.has_another_connection() { half(deadline) } else { deadline };
            let (error, again) = match limit.limit(work.run(&mut connection)).await {
                Ok(Ok(output)) => {
                    self.keep(connection);
                    return Ok(output);
                }
                Ok(Err(failure)) => {
                    let refusal = Refusal::of(&failure.error);
                    let again = tries.failed(&failure, refusal);
                    if matches!(refusal, Some(Refusal::Contended | Refusal::Final)) {
                        self.keep(connection);
                    }
                    (MySqlError::of_statement(failure.error), again)
                }
                // The connection is dropped: the response to this statement must not meet the next one.
                Err(_) => (MySqlError::NoAnswerInTime, tries.timed_out()),
            };
            if !again || deadline.remaining() < TRY_LIMIT {
                return Err(tries.give_up(error));
            }
            tracing::warn!(%error, "trying again");
            // The first retry is immediate. A connection that breaks again and again would keep a processor busy.
            if tries.is_persistent() {
                backoff.after_the_first().await;
            }
        }
    }
}

impl Tries {
    fn new(policy: RetryPolicy) -> Self {
        Self { policy, outcome_is_unknown: false, key_is_locked: false, on_last_connection: false }
    }

    /// Whether only another try can tell the outcome of an earlier one.
    fn is_persistent(&self) -> bool {
        self.policy == RetryPolicy::UntilKnown && self.outcome_is_unknown
    }

    fn has_another_connection(&self) -> bool {
        self.policy != RetryPolicy::IfRefused && !self.on_last_connection
    }

    /// Whether to retry.
    fn failed(&mut self, failure: &Failure, refusal: Option<Refusal>) -> bool {
        self.key_is_locked = failure.key_is_locked;
        match failure.effect {
            Effect::NotApplied => self.outcome_is_unknown = false,
            Effect::NoneByThisTry => {}
            Effect::Unknown => self.outcome_is_unknown = true,
        }
        match refusal {
            Some(Refusal::Contended) => true,
            Some(Refusal::Final) => false,
            Some(Refusal::NeedsNewConnection) => self.on_another_connection(),
            None => self.policy != RetryPolicy::IfRefused && self.on_another_connection(),
        }
    }

    /// Whether to retry after a try that was cut off.
    fn timed_out(&mut self) -> bool {
        self.key_is_locked = false;
        self.outcome_is_unknown = true;
        self.on_last_connection = true;
        self.policy != RetryPolicy::IfRefused
    }

    fn on_another_connection(&mut self) -> bool {
        self.is_persistent() || !std::mem::replace(&mut self.on_last_connection, true)
    }

    /// The error of the request, given the outcomes of all its tries.
    fn give_up(&self, error: MySqlError) -> MySqlError {
        match error {
            error if self.is_persistent() && !error.is_ambiguous() => MySqlError::Unresolved(Box::new(error)),
            MySqlError::Refused(_) if self.key_is_locked => MySqlError::KeyLocked,
            error => error,
        }
    }
}

/// The limit of a try that has another connection to fall back on: half of the remaining time, if the other half is
/// enough for a second try. A connection can fall silent, as at a failover.
fn half(deadline: Deadline) -> Deadline {
    let half = deadline.remaining() / 2;
    if half < TRY_LIMIT { deadline } else { deadline.at_most(half) }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn broken(effect: Effect) -> Failure {
        Failure::new(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()), effect)
    }

    fn commits_unknown(tries: &Tries) -> bool {
        matches!(tries.give_up(MySqlError::TooLateToSend), MySqlError::Unresolved(_))
    }

    #[test]
    fn a_broken_read_gets_one_more_connection() {
        let mut tries = Tries::new(RetryPolicy::Always);
        assert!(tries.failed(&broken(Effect::Unknown), None));
        assert!(!tries.failed(&broken(Effect::Unknown), None));
    }

    #[test]
    fn a_broken_write_without_a_key_is_not_repeated() {
        assert!(!Tries::new(RetryPolicy::IfRefused).failed(&broken(Effect::Unknown), None));
        assert!(!Tries::new(RetryPolicy::IfRefused).timed_out());
    }

    #[test]
    fn a_commit_without_a_response_is_pursued_until_its_outcome_is_known() {
        let mut tries = Tries::new(RetryPolicy::UntilKnown);
        for _ in 0..9 {
            assert!(tries.failed(&broken(Effect::Unknown), None));
            assert!(tries.failed(&broken(Effect::NoneByThisTry), None));
            assert!(commits_unknown(&tries));
        }
        tries.failed(&broken(Effect::NotApplied), None);
        assert!(!commits_unknown(&tries));
    }

    #[test]
    fn a_refusal_by_a_lock_on_the_key_is_told_from_other_refusals() {
        let refused = || MySqlError::Refused(sqlx::Error::PoolClosed);
        let mut tries = Tries::new(RetryPolicy::UntilKnown);
        let failure = Failure { key_is_locked: true, ..broken(Effect::NoneByThisTry) };
        assert!(tries.failed(&failure, Some(Refusal::Contended)));
        assert!(matches!(tries.give_up(refused()), MySqlError::KeyLocked));
        assert!(tries.failed(&broken(Effect::NoneByThisTry), Some(Refusal::Contended)));
        assert!(matches!(tries.give_up(refused()), MySqlError::Refused(_)));
    }
}
