//! Work that is one transaction and may run again.

use sqlx::{Connection, MySqlConnection};

use super::ledger::rolled_back;
use super::retry::{Failure, RetryPolicy, Work};

/// A step, and its transaction around it.
pub(super) struct InTransaction<S>(pub(super) S);

/// The work of one transaction. It first reads how far an earlier try came, so it may run again after a try with an
/// unknown outcome.
pub(super) trait Step {
    /// The result.
    type Output: Send;

    /// When to retry.
    const RETRY: RetryPolicy = RetryPolicy::Always;

    /// Everything between `START TRANSACTION` and `COMMIT`.
    fn run(&self, connection: &mut MySqlConnection) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

impl<S: Step + Sync> Work for InTransaction<S> {
    type Output = S::Output;
    const RETRY: RetryPolicy = S::RETRY;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<S::Output, Failure> {
        let mut transaction = connection.begin().await?;
        match self.0.run(&mut transaction).await {
            Ok(output) => {
                transaction.commit().await?;
                Ok(output)
            }
            Err(error) => Err(rolled_back(transaction, error).await.into()),
        }
    }
}
