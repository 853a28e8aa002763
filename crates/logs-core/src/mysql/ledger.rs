//! Batches under idempotency keys: their rows in the ledger `Batches` and their logs, in one transaction.

use std::collections::HashMap;

use sqlx::{Connection, MySql, MySqlConnection, Transaction};

use super::error::{DEADLOCK, DUPLICATE_KEY, LOCK_WAIT_TIMEOUT, number};
use super::retry::{Effect, Failure, RetryPolicy, Work};
use super::statements::{self, BatchRow};
use crate::{InsertOutcome, Message, NewBatch, NewLog};

/// How often a set of batches is compared with the ledger before it is retried later.
const MAX_LOOK_UPS: u32 = 3;

/// A random number of one request. A row of the ledger that has it is this request's own.
pub(super) type RequestNumber = [u8; 16];

/// Stores a batch unless the ledger has its key.
pub(super) struct InsertOnce<'a> {
    pub(super) batch: NewBatch<'a>,
    pub(super) request: &'a RequestNumber,
}

impl Work for InsertOnce<'_> {
    type Output = InsertOutcome;
    const RETRY: RetryPolicy = RetryPolicy::UntilKnown;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<InsertOutcome, Failure> {
        let Self { batch, request } = self;
        let before_commit = |error| Failure::new(error, Effect::NoneByThisTry);
        loop {
            let mut transaction = connection.begin().await.map_err(before_commit)?;
            let Err(error) = statements::insert_batches(&mut transaction, [*batch], *request).await else {
                // The key was free: an earlier COMMIT of this request was not applied.
                return insert_logs_and_commit(transaction, *batch).await;
            };
            if number(&error) != Some(DUPLICATE_KEY) {
                let key_is_locked = number(&error) == Some(LOCK_WAIT_TIMEOUT);
                let error = rolled_back(transaction, error).await;
                return Err(Failure { key_is_locked, ..before_commit(error) });
            }
            transaction.rollback().await.map_err(before_commit)?;
            let found = statements::find_batches(connection, [batch.key]).await.map_err(before_commit)?;
            // Retention may have removed it in between.
            if let Some(earlier) = found.first() {
                return Ok(compare(earlier, batch, request));
            }
        }
    }
}

/// Asks the ledger about a batch, and stores nothing.
pub(super) struct FindBatch<'a>(pub(super) NewBatch<'a>);

impl Work for FindBatch<'_> {
    type Output = Option<InsertOutcome>;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<InsertOutcome>, Failure> {
        let found = statements::find_batches(connection, [self.0.key]).await?;
        // Of no request: this one stores nothing.
        Ok(found.first().map(|earlier| compare(earlier, &self.0, &[0; 16])))
    }
}

async fn insert_logs_and_commit(
    mut transaction: Transaction<'_, MySql>,
    batch: NewBatch<'_>,
) -> Result<InsertOutcome, Failure> {
    if let Err(error) = statements::insert_logs(&mut transaction, logs_of([batch])).await {
        return Err(Failure::new(rolled_back(transaction, error).await, Effect::NotApplied));
    }
    match transaction.commit().await {
        Ok(()) => Ok(InsertOutcome::Inserted),
        Err(error) => Err(Failure::new(error, Effect::Unknown)),
    }
}

/// Stores those messages that the ledger does not have, all of them or none. No key may occur twice. `None`: a lock was in
/// the way, and nothing was stored.
pub(super) struct InsertAll<'a> {
    pub(super) messages: &'a [Message],
    pub(super) request: &'a RequestNumber,
}

impl Work for InsertAll<'_> {
    type Output = Option<Vec<InsertOutcome>>;
    /// After a failure the caller decides: it retries in smaller parts.
    const RETRY: RetryPolicy = RetryPolicy::IfRefused;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<Vec<InsertOutcome>>, Failure> {
        let batches: Vec<_> = self.messages.iter().map(Message::batch).collect();
        // Empty at first: second deliveries are rare, and reading the ledger costs a statement.
        let mut earlier: HashMap<Vec<u8>, BatchRow> = HashMap::new();
        for _ in 0..=MAX_LOOK_UPS {
            let earlier_of = |batch: &NewBatch<'_>| earlier.get(batch.key.as_str().as_bytes());
            let new: Vec<_> = batches.iter().copied().filter(|batch| earlier_of(batch).is_none()).collect();
            match insert_new(connection, &new, self.request).await? {
                New::Inserted => {
                    let outcome = |batch| {
                        earlier_of(batch).map_or(InsertOutcome::Inserted, |row| compare(row, batch, self.request))
                    };
                    return Ok(Some(batches.iter().map(outcome).collect()));
                }
                New::Locked => return Ok(None),
                New::Known => {
                    let rows = statements::find_batches(connection, batches.iter().map(|batch| batch.key)).await?;
                    earlier = rows.into_iter().map(|row| (row.batch_key.clone(), row)).collect();
                }
            }
        }
        // Other transactions insert and delete the same batches at the same time.
        Ok(None)
    }
}

/// What became of batches that seemed to be new.
enum New {
    Inserted,
    /// The ledger has the key of at least one. Nothing was stored.
    Known,
    /// Another transaction held a lock. Nothing was stored.
    Locked,
}

async fn insert_new(
    connection: &mut MySqlConnection,
    batches: &[NewBatch<'_>],
    request: &RequestNumber,
) -> Result<New, sqlx::Error> {
    if batches.is_empty() {
        return Ok(New::Inserted);
    }
    let mut transaction = connection.begin().await?;
    if let Err(error) = statements::insert_batches(&mut transaction, batches.iter().copied(), request).await {
        let is_known = number(&error) == Some(DUPLICATE_KEY);
        return refused(transaction, error, is_known.then_some(New::Known)).await;
    }
    let logs: Vec<_> = logs_of(batches.iter().copied()).collect();
    for logs in logs.chunks(statements::LOGS_PER_STATEMENT) {
        if let Err(error) = statements::insert_logs(&mut transaction, logs.iter().copied()).await {
            return refused(transaction, error, None).await;
        }
    }
    transaction.commit().await?;
    Ok(New::Inserted)
}

/// Rolls back. Neither a known key nor a lock is an error; everything else is, above all a broken connection.
async fn refused(
    transaction: Transaction<'_, MySql>,
    error: sqlx::Error,
    known: Option<New>,
) -> Result<New, sqlx::Error> {
    let locked = matches!(number(&error), Some(LOCK_WAIT_TIMEOUT | DEADLOCK)).then_some(New::Locked);
    match (rolled_back(transaction, error).await, known.or(locked)) {
        (sqlx::Error::Database(_), Some(outcome)) => Ok(outcome),
        (error, _) => Err(error),
    }
}

fn logs_of<'a>(batches: impl IntoIterator<Item = NewBatch<'a>>) -> impl Iterator<Item = (&'a NewLog, i64)> {
    batches.into_iter().flat_map(|batch| batch.logs.iter().map(move |log| (log, batch.received_at)))
}

/// The outcome of a batch, by the ledger's row.
fn compare(earlier: &BatchRow, batch: &NewBatch<'_>, request: &RequestNumber) -> InsertOutcome {
    if earlier.fingerprint != batch.fingerprint.as_bytes() {
        InsertOutcome::KeyConflict
    } else if earlier.stored_by == request {
        // The response to this request's own COMMIT was lost.
        InsertOutcome::Inserted
    } else {
        InsertOutcome::AlreadyInserted
    }
}

/// Rolls back, because an error (except a deadlock) leaves the transaction open with its locks. Returns the error that
/// matters: the rollback's if it fails, because the connection is broken then.
pub(super) async fn rolled_back(transaction: Transaction<'_, MySql>, error: sqlx::Error) -> sqlx::Error {
    transaction.rollback().await.err().unwrap_or(error)
}
