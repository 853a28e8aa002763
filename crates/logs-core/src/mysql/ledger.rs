//! A batch under an idempotency key: its row in the ledger `Batches` and its logs, in one transaction.

use std::cell::Cell;

use sqlx::{Connection, MySql, MySqlConnection, Transaction};

use super::error::number;
use super::statements;
use crate::{Batch, Fingerprint, IdempotencyKey};

/// The ledger has a batch of this key.
const DUPLICATE_KEY: Option<u16> = Some(1062);

/// A lock was in the way for a second.
const LOCK_WAIT_TIMEOUT: Option<u16> = Some(1205);

/// What the ledger said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The batch is stored, by this request.
    Stored,
    /// An earlier request stored this batch; nothing was done.
    Duplicate,
    /// An earlier request stored another batch under this key; nothing was done.
    KeyReused,
}

/// What is stored, once.
pub(super) struct Entry<'a> {
    pub(super) key: &'a IdempotencyKey,
    pub(super) fingerprint: Fingerprint,
    pub(super) batch: &'a Batch,
    /// A random number of this request: a row that has it is its own.
    pub(super) request: [u8; 16],
    pub(super) received_at: i64,
}

/// What a request has met so far, over all its tries.
#[derive(Default)]
pub(super) struct Progress {
    /// A COMMIT was sent, and nobody can tell what became of it.
    pub(super) commit_is_open: Cell<bool>,
    /// The last try waited for another request with the same key.
    pub(super) key_is_in_flight: Cell<bool>,
}

/// Stores a batch unless the ledger has its key. May be tried again after any failure.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    entry: &Entry<'_>,
    progress: &Progress,
) -> Result<Insertion, sqlx::Error> {
    loop {
        progress.key_is_in_flight.set(false);
        let mut transaction = connection.begin().await?;
        match statements::insert_batch(&mut transaction, entry).await {
            // So an earlier COMMIT of this request came to nothing.
            Ok(()) => progress.commit_is_open.set(false),
            Err(error) if number(&error) == DUPLICATE_KEY => {
                transaction.rollback().await?;
                // Retention may have removed it in between.
                let Some(earlier) = statements::find_batch(connection, entry.key).await? else { continue };
                return Ok(compare(&earlier, entry));
            }
            Err(error) => {
                progress.key_is_in_flight.set(number(&error) == LOCK_WAIT_TIMEOUT);
                return Err(abandon(transaction, error).await);
            }
        }
        if let Err(error) = statements::insert_logs(&mut transaction, &entry.batch.logs, entry.received_at).await {
            return Err(abandon(transaction, error).await);
        }
        progress.commit_is_open.set(true);
        transaction.commit().await?;
        return Ok(Insertion::Stored);
    }
}

fn compare(earlier: &statements::BatchRow, entry: &Entry<'_>) -> Insertion {
    if earlier.fingerprint != entry.fingerprint.as_bytes() {
        Insertion::KeyReused
    } else if earlier.stored_by == entry.request {
        // The answer to this request's own COMMIT was lost.
        Insertion::Stored
    } else {
        Insertion::Duplicate
    }
}

/// An error leaves the transaction open, locks and all (but for a deadlock).
async fn abandon(transaction: Transaction<'_, MySql>, error: sqlx::Error) -> sqlx::Error {
    match transaction.rollback().await {
        Ok(()) => error,
        // The connection is of no more use, which only this error says.
        Err(broken) => broken,
    }
}
