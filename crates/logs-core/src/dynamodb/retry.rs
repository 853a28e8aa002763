//! A call, and when it is retried.
//!
//! Every write can be repeated: a put writes the same item again, and what has a condition is looked up in the ledger.
//! So a call is retried until it succeeds, is refused for good, or the deadline is near. The SDK's own retries are off.

use std::pin::Pin;
use std::time::Duration;

use super::error::{Failure, TableError};
use super::usage::Usage;
use crate::Deadline;
use crate::platform::Backoff;

/// DynamoDB answers within tens of milliseconds. A try that takes longer is lost: a connection that was frozen, say.
pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);

/// With less time left, no further try is made.
const MIN_TIME: Duration = Duration::from_millis(100);

/// One try. Boxed to keep the SDK's large types out of every caller's future.
pub(super) type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, TableError>> + Send + 'a>>;

/// Runs `attempt` until it succeeds, is refused, or the deadline is near.
pub(super) async fn run<'a, T>(
    usage: &Usage,
    deadline: Deadline,
    attempt: impl Fn() -> Attempt<'a, T> + Send,
) -> Result<T, Failure> {
    let mut backoff = Backoff::default();
    let mut ambiguous = false;
    if deadline.remaining().is_zero() {
        return Err(Failure { error: TableError::OutOfReach("there is no time left".to_owned()), ambiguous });
    }
    loop {
        let error = match deadline.at_most(ATTEMPT_LIMIT).limit(attempt()).await {
            Ok(Ok(output)) => return Ok(output),
            Ok(Err(error)) => error,
            Err(_) => TableError::NoAnswer("nothing came in time".to_owned()),
        };
        usage.failed(&error);
        ambiguous |= matches!(error, TableError::NoAnswer(_));
        if !error.is_transient() {
            return Err(Failure { error, ambiguous });
        }
        // A connection that breaks is replaced at once. Who is throttled, or meets another transaction, waits.
        match error {
            TableError::Throttled(_) | TableError::Conflict(_) => backoff.next().await,
            _ => backoff.after_the_first().await,
        }
        // Not before the pause: a try that the deadline cuts off would leave open whether it was carried out.
        if deadline.remaining() < MIN_TIME {
            return Err(Failure { error, ambiguous });
        }
        tracing::warn!(%error, "trying again");
        usage.retried();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn tried(errors: &[TableError], limit: Duration) -> (Result<usize, Failure>, usize) {
        let (tries, usage) = (AtomicUsize::new(0), Usage::default());
        let outcome = run(&usage, Deadline::within(limit), || {
            let number = tries.fetch_add(1, Ordering::Relaxed);
            let outcome = errors.get(number).cloned().map_or(Ok(number), Err);
            Box::pin(std::future::ready(outcome))
        })
        .await;
        (outcome, tries.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_transient_error_is_retried_until_it_succeeds() {
        let errors = [
            TableError::Throttled(String::new()),
            TableError::NoAnswer(String::new()),
            TableError::OutOfReach(String::new()),
            TableError::Conflict(String::new()),
        ];
        assert_eq!(tried(&errors, Duration::from_secs(25)).await, (Ok(4), 5));
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_does_not_hide_that_an_earlier_try_may_be_stored() {
        let refused = TableError::Refused("no".to_owned());
        let expected = |ambiguous| Err(Failure { error: refused.clone(), ambiguous });
        assert_eq!(tried(std::slice::from_ref(&refused), Duration::from_secs(25)).await, (expected(false), 1));
        let errors = [TableError::NoAnswer(String::new()), refused.clone()];
        assert_eq!(tried(&errors, Duration::from_secs(25)).await, (expected(true), 2));
    }

    #[tokio::test]
    async fn nothing_is_sent_after_the_deadline() {
        let errors = vec![TableError::Throttled(String::new()); 9];
        let (outcome, tries) = tried(&errors, Duration::ZERO).await;
        assert_eq!(tries, 0);
        assert!(!outcome.unwrap_err().ambiguous);
    }
}
