//! Copying from and to another store, for operators' tools. What is copied here is noted in the transaction that copies it,
//! as a row of the ledger under a key that no client can choose: it begins with a zero byte. Retention keeps it.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use sqlx::{Connection, MySql, MySqlConnection, QueryBuilder, Row};
use uuid::Uuid;

use super::retry::{Effect, Failure, RetryPolicy, Work};
use super::store::MySqlStore;
use crate::{Deadline, Fingerprint, IdempotencyKey, LedgerEntry, Log, StoreError, Timestamp};

const SELECT_NEXT_ID: &str = "SELECT MIN(error_log_id) FROM Logs WHERE error_log_id >= ?";
const SELECT_LAST_ID: &str = "SELECT MAX(error_log_id) FROM Logs";
const SELECT_LOGS: &str = "SELECT error_log_id, device_id, error_number, time_stamp, received_at FROM Logs \
     WHERE error_log_id BETWEEN ? AND ? ORDER BY error_log_id";
const SELECT_LEDGER: &str = "SELECT batch_key, fingerprint, received_at FROM Batches \
     WHERE batch_key > ? ORDER BY batch_key LIMIT 900";
const SELECT_COPIED: &str = "SELECT CAST(COALESCE(SUM(accepted), 0) AS UNSIGNED) FROM Batches \
     WHERE batch_key >= ? AND batch_key < ?";
const INSERT_LEDGER: &str = "INSERT IGNORE INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) ";
const INSERT_COPIED: &str = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) ";
const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) ";

/// Before the hash in the key of a note.
const NOTE: &[u8] = b"\0copy";

/// A statement has no more rows.
const ROWS: usize = 1_000;

/// Logs that were stored together elsewhere, and the name that they have there.
#[derive(Debug)]
pub struct NamedLogs {
    /// Never changes, and no others have it.
    pub name: String,
    /// The logs. They get new ids.
    pub logs: Vec<Log>,
}

impl MySqlStore {
    /// The first id that is there from this one on.
    ///
    /// # Errors
    /// The database does not do it in time; so in all of these.
    pub async fn next_id(&self, from: u64, deadline: Deadline) -> Result<Option<u64>, StoreError> {
        Ok(self.connections.run(deadline, Id(Some(from))).await?)
    }

    /// The last id that is there.
    pub async fn last_id(&self, deadline: Deadline) -> Result<Option<u64>, StoreError> {
        Ok(self.connections.run(deadline, Id(None)).await?)
    }

    /// The logs with these ids.
    pub async fn logs_of(&self, ids: RangeInclusive<u64>, deadline: Deadline) -> Result<Vec<Log>, StoreError> {
        Ok(self.connections.run(deadline, LogsOf(ids)).await?)
    }

    /// The entries of the ledger after this key, and the key to go on after. Notes of copies are left out.
    pub async fn ledger_after(
        &self,
        key: &[u8],
        deadline: Deadline,
    ) -> Result<(Vec<LedgerEntry>, Option<Vec<u8>>), StoreError> {
        Ok(self.connections.run(deadline, LedgerAfter(key)).await?)
    }

    /// Enters those keys that the ledger does not have; returns how many they are.
    pub async fn copy_ledger(&self, entries: &[LedgerEntry], deadline: Deadline) -> Result<u64, StoreError> {
        let mut stored = 0;
        for entries in entries.chunks(ROWS) {
            stored += self.connections.run(deadline, CopyLedger(entries)).await?;
        }
        Ok(stored)
    }

    /// Stores those that no run has stored before, all in one transaction; returns how many logs are new.
    pub async fn copy_logs(&self, all: &[NamedLogs], deadline: Deadline) -> Result<usize, StoreError> {
        Ok(self.connections.run(deadline, CopyLogs(all)).await?)
    }

    /// How many logs were copied, in all runs and from all tables.
    pub async fn count_copied(&self, deadline: Deadline) -> Result<u64, StoreError> {
        Ok(self.connections.run(deadline, CountCopied).await?)
    }
}

struct Id(Option<u64>);

impl Work for Id {
    type Output = Option<u64>;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<u64>, Failure> {
        let query = match self.0 {
            Some(from) => sqlx::query_scalar(SELECT_NEXT_ID).bind(from),
            None => sqlx::query_scalar(SELECT_LAST_ID),
        };
        Ok(query.fetch_one(connection).await?)
    }
}

struct LogsOf(RangeInclusive<u64>);

impl Work for LogsOf {
    type Output = Vec<Log>;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Vec<Log>, Failure> {
        let query = sqlx::query(SELECT_LOGS).bind(*self.0.start()).bind(*self.0.end());
        let rows = query.fetch_all(connection).await?;
        let log = |row: sqlx::mysql::MySqlRow| {
            let (id, device_id, code) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok::<_, sqlx::Error>(Log::new(id, device_id, code, row.try_get(3)?, row.try_get(4)?))
        };
        Ok(rows.into_iter().map(log).collect::<Result<_, _>>()?)
    }
}

struct LedgerAfter<'a>(&'a [u8]);

impl Work for LedgerAfter<'_> {
    type Output = (Vec<LedgerEntry>, Option<Vec<u8>>);
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Self::Output, Failure> {
        let rows = sqlx::query(SELECT_LEDGER).bind(self.0).fetch_all(connection).await?;
        let (mut entries, mut last) = (Vec::new(), None);
        for row in rows {
            let (key, fingerprint): (Vec<u8>, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let parsed = std::str::from_utf8(&key).ok().and_then(|text| IdempotencyKey::parse(text).ok());
            if let (Some(parsed), Some(fingerprint)) = (parsed, Fingerprint::from_bytes(&fingerprint)) {
                entries.push(LedgerEntry { key: parsed, fingerprint, received_at: row.try_get(2)? });
            }
            last = Some(key);
        }
        Ok((entries, last))
    }
}

struct CopyLedger<'a>(&'a [LedgerEntry]);

impl Work for CopyLedger<'_> {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        let mut statement = QueryBuilder::<MySql>::new(INSERT_LEDGER);
        let request = Uuid::new_v4().into_bytes().to_vec();
        statement.push_values(self.0, |mut row, entry| {
            row.push_bind(entry.key.as_str().as_bytes())
                .push_bind(entry.fingerprint.as_bytes().to_vec())
                // DynamoDB's ledger does not know it, and nobody asks for it.
                .push_bind(0_u32)
                .push_bind(request.clone())
                .push_bind(entry.received_at);
        });
        Ok(statement.build().execute(connection).await?.rows_affected())
    }
}

struct CopyLogs<'a>(&'a [NamedLogs]);

impl Work for CopyLogs<'_> {
    type Output = usize;
    /// Each try asks anew what is noted.
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<usize, Failure> {
        let keys: Vec<_> = self.0.iter().map(|named| note_key(&named.name)).collect();
        let mut find = QueryBuilder::<MySql>::new("SELECT batch_key FROM Batches WHERE batch_key IN (");
        let mut list = find.separated(", ");
        for key in &keys {
            list.push_bind(key.clone());
        }
        list.push_unseparated(")");
        let known: Vec<Vec<u8>> = find.build_query_scalar().fetch_all(&mut *connection).await?;
        let known: HashSet<_> = known.into_iter().collect();
        let new: Vec<_> = self.0.iter().zip(&keys).filter(|(_, key)| !known.contains(*key)).collect();
        if new.is_empty() {
            return Ok(0);
        }
        let before_commit = |error| Failure::new(error, Effect::NoneByThisTry);
        let mut transaction = connection.begin().await.map_err(before_commit)?;
        let mut notes = QueryBuilder::<MySql>::new(INSERT_COPIED);
        notes.push_values(&new, |mut row, (named, key)| {
            row.push_bind((*key).clone())
                .push_bind(Sha256::digest(named.name.as_bytes()).to_vec())
                .push_bind(u32::try_from(named.logs.len()).unwrap_or(u32::MAX))
                .push_bind(vec![0_u8; 16])
                // Retention never finds it old.
                .push_bind(Timestamp::MAX);
        });
        notes.build().execute(&mut *transaction).await.map_err(before_commit)?;
        let logs: Vec<&Log> = new.iter().flat_map(|(named, _)| &named.logs).collect();
        for logs in logs.chunks(ROWS) {
            let mut insert = QueryBuilder::<MySql>::new(INSERT_LOGS);
            insert.push_values(logs, |mut row, log| {
                row.push_bind(log.device_id())
                    .push_bind(log.error_code())
                    .push_bind(log.timestamp())
                    .push_bind(log.received_at());
            });
            insert.build().execute(&mut *transaction).await.map_err(before_commit)?;
        }
        transaction.commit().await.map_err(|error| Failure::new(error, Effect::Unknown))?;
        Ok(logs.len())
    }
}

struct CountCopied;

impl Work for CountCopied {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        Ok(sqlx::query_scalar(SELECT_COPIED).bind(NOTE).bind(&b"\0copz"[..]).fetch_one(connection).await?)
    }
}

/// The key of the note. A hash, because a table's name may be longer than a key.
fn note_key(name: &str) -> Vec<u8> {
    [NOTE, &Sha256::digest(name.as_bytes())].concat()
}
