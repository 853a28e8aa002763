//! Batches under idempotency keys: their rows in the ledger `Batches` and their logs, in one transaction.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection, MySql, MySqlConnection, Transaction};

use super::connection::Work;
use super::error::number;
use super::statements::{self, BatchRow};
use crate::{Fingerprint, IdempotencyKey, Message, NewLog};

/// The ledger has a batch of this key.
const DUPLICATE_KEY: Option<u16> = Some(1062);

/// A lock was in the way for a second.
const LOCK_WAIT_TIMEOUT: Option<u16> = Some(1205);

/// Two waited for each other, and this one was chosen to give up.
const DEADLOCK: Option<u16> = Some(1213);

/// How often a set of batches is compared with the ledger before it waits its turn.
const MAX_LOOK_UPS: u32 = 3;

/// What the ledger said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
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
    pub(super) logs: &'a [NewLog],
    pub(super) received_at: i64,
}

impl<'a> Entry<'a> {
    pub(super) fn of_message(message: &'a Message) -> Self {
        let Message { key, fingerprint, received_at, logs } = message;
        Self { key, fingerprint: *fingerprint, logs, received_at: *received_at }
    }
}

/// A random number of one request: a row of the ledger that has it is this request's own.
pub(super) type RequestNumber = [u8; 16];

/// What a request has met so far, over all its tries.
#[derive(Default)]
pub(super) struct Progress {
    /// A COMMIT was sent, and nobody can tell what became of it.
    pub(super) commit_is_open: AtomicBool,
    /// The last try waited in vain for the ledger: for another request with the same key, as a rule. The server does not
    /// say whether it was the row or the whole table that was locked.
    pub(super) key_is_in_flight: AtomicBool,
}

/// Stores a batch unless the ledger has its key. May be tried again after any failure.
pub(super) struct InsertOnce<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) request: &'a RequestNumber,
    pub(super) progress: &'a Progress,
}

impl Work for InsertOnce<'_> {
    type Output = InsertOutcome;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<InsertOutcome, sqlx::Error> {
        insert(connection, self.entry, self.request, self.progress).await
    }
}

async fn insert(
    connection: &mut MySqlConnection,
    entry: &Entry<'_>,
    request: &RequestNumber,
    progress: &Progress,
) -> Result<InsertOutcome, sqlx::Error> {
    loop {
        progress.key_is_in_flight.store(false, Ordering::Relaxed);
        let mut transaction = connection.begin().await?;
        match statements::insert_batches(&mut transaction, [entry], request).await {
            // So an earlier COMMIT of this request came to nothing.
            Ok(()) => progress.commit_is_open.store(false, Ordering::Relaxed),
            Err(error) if number(&error) == DUPLICATE_KEY => {
                transaction.rollback().await?;
                // Retention may have removed it in between.
                let earlier = statements::find_batches(connection, [entry.key]).await?;
                let Some(earlier) = earlier.first() else { continue };
                return Ok(compare(earlier, entry, request));
            }
            Err(error) => {
                progress.key_is_in_flight.store(number(&error) == LOCK_WAIT_TIMEOUT, Ordering::Relaxed);
                return Err(abandon(transaction, error).await);
            }
        }
        if let Err(error) = statements::insert_logs(&mut transaction, logs_of([entry])).await {
            return Err(abandon(transaction, error).await);
        }
        progress.commit_is_open.store(true, Ordering::Relaxed);
        transaction.commit().await?;
        return Ok(InsertOutcome::Stored);
    }
}

/// Stores those of the entries that the ledger does not have, all of these or none. No key may come twice. `None`: a lock
/// was in the way, and nothing was stored. May be tried again after any failure.
pub(super) struct InsertAll<'a> {
    pub(super) entries: &'a [Entry<'a>],
    pub(super) request: &'a RequestNumber,
}

impl Work for InsertAll<'_> {
    type Output = Option<Vec<InsertOutcome>>;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<Vec<InsertOutcome>>, sqlx::Error> {
        insert_all(connection, self.entries, self.request).await
    }
}

async fn insert_all(
    connection: &mut MySqlConnection,
    entries: &[Entry<'_>],
    request: &RequestNumber,
) -> Result<Option<Vec<InsertOutcome>>, sqlx::Error> {
    // Empty at first: a message that was delivered before is rare, and asking costs a statement.
    let mut earlier: HashMap<Vec<u8>, BatchRow> = HashMap::new();
    let mut look_ups = 0;
    loop {
        let earlier_of = |entry: &&Entry<'_>| earlier.get(entry.key.as_str().as_bytes());
        let new: Vec<_> = entries.iter().filter(|entry| earlier_of(entry).is_none()).collect();
        match insert_new(connection, &new, request).await? {
            New::Stored => {
                let outcome =
                    |entry| earlier_of(&entry).map_or(InsertOutcome::Stored, |row| compare(row, entry, request));
                return Ok(Some(entries.iter().map(outcome).collect()));
            }
            // Others store and remove at the same time: a few looks will do, or it waits its turn.
            New::Known if look_ups < MAX_LOOK_UPS => {
                look_ups += 1;
                let rows = statements::find_batches(connection, entries.iter().map(|entry| entry.key)).await?;
                earlier = rows.into_iter().map(|row| (row.batch_key.clone(), row)).collect();
            }
            New::Known | New::Locked => return Ok(None),
        }
    }
}

/// What became of entries that seemed to be new.
enum New {
    Stored,
    /// The ledger has the key of at least one; nothing was stored.
    Known,
    /// Somebody else was in the way; nothing was stored.
    Locked,
}

async fn insert_new(
    connection: &mut MySqlConnection,
    entries: &[&Entry<'_>],
    request: &RequestNumber,
) -> Result<New, sqlx::Error> {
    if entries.is_empty() {
        return Ok(New::Stored);
    }
    let mut transaction = connection.begin().await?;
    if let Err(error) = statements::insert_batches(&mut transaction, entries.iter().copied(), request).await {
        let is_known = number(&error) == DUPLICATE_KEY;
        let stopped = stopped(transaction, error).await;
        return if is_known && matches!(stopped, Err(sqlx::Error::Database(_))) { Ok(New::Known) } else { stopped };
    }
    let logs: Vec<_> = logs_of(entries.iter().copied()).collect();
    for logs in logs.chunks(statements::LOGS_PER_STATEMENT) {
        if let Err(error) = statements::insert_logs(&mut transaction, logs.iter().copied()).await {
            return stopped(transaction, error).await;
        }
    }
    transaction.commit().await?;
    Ok(New::Stored)
}

/// Undoes what was begun. A lock is no error; everything else is, that the connection broke above all.
async fn stopped(transaction: Transaction<'_, MySql>, error: sqlx::Error) -> Result<New, sqlx::Error> {
    let is_locked = matches!(number(&error), LOCK_WAIT_TIMEOUT | DEADLOCK);
    match abandon(transaction, error).await {
        sqlx::Error::Database(_) if is_locked => Ok(New::Locked),
        error => Err(error),
    }
}

fn logs_of<'a>(entries: impl IntoIterator<Item = &'a Entry<'a>>) -> impl Iterator<Item = (&'a NewLog, i64)> {
    entries.into_iter().flat_map(|entry| entry.logs.iter().map(|log| (log, entry.received_at)))
}

/// What the ledger's row says of an entry.
fn compare(earlier: &BatchRow, entry: &Entry<'_>, request: &RequestNumber) -> InsertOutcome {
    if earlier.fingerprint != entry.fingerprint.as_bytes() {
        InsertOutcome::KeyReused
    } else if earlier.stored_by == request {
        // The answer to this request's own COMMIT was lost.
        InsertOutcome::Stored
    } else {
        InsertOutcome::Duplicate
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
