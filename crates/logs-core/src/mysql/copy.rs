//! Copying from and to another store, for operators' tools. What is copied here is noted in the transaction that copies it
//! (`statements/copy.rs`).

use std::collections::HashSet;
use std::ops::RangeInclusive;

use sqlx::MySqlConnection;
use uuid::Uuid;

use super::one_transaction::{InTransaction, Step};
use super::retry::{Failure, RetryPolicy, Work};
use super::statements::copy as statements;
use super::statements::summary::last_id;
use super::store::MySqlStore;
use crate::{Deadline, LedgerEntry, Log, StoreError, StoreIdentity};

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
    /// The database's identity; it gets one if it has none.
    ///
    /// # Errors
    /// The database does not do it in time; so in all of these.
    pub async fn identity(&self, deadline: Deadline) -> Result<StoreIdentity, StoreError> {
        Ok(self.connections.run(deadline, Identity).await?)
    }

    /// The first id that is there from this one on.
    pub async fn next_id(&self, from: u64, deadline: Deadline) -> Result<Option<u64>, StoreError> {
        Ok(self.connections.run(deadline, NextId(from)).await?)
    }

    /// The last id that is there, 0 if there is none.
    pub async fn last_id(&self, deadline: Deadline) -> Result<u64, StoreError> {
        Ok(self.connections.run(deadline, LastId).await?)
    }

    /// The logs with these ids, but for those that were copied from the store `except`, and how many those are.
    pub async fn logs_of(
        &self,
        ids: RangeInclusive<u64>,
        except: StoreIdentity,
        deadline: Deadline,
    ) -> Result<(Vec<Log>, usize), StoreError> {
        Ok(self.connections.run(deadline, LogsOf(ids, except)).await?)
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
    pub async fn copy_logs(
        &self,
        source: StoreIdentity,
        all: &[NamedLogs],
        deadline: Deadline,
    ) -> Result<usize, StoreError> {
        Ok(self.connections.run(deadline, InTransaction(CopyLogs(source, all))).await?)
    }

    /// How many logs were copied from a store, in all runs.
    pub async fn count_copied(&self, source: StoreIdentity, deadline: Deadline) -> Result<u64, StoreError> {
        Ok(self.connections.run(deadline, CountCopied(source)).await?)
    }
}

struct Identity;

impl Work for Identity {
    type Output = StoreIdentity;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<StoreIdentity, Failure> {
        Ok(statements::identity(connection).await?)
    }
}

struct NextId(u64);

impl Work for NextId {
    type Output = Option<u64>;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<u64>, Failure> {
        Ok(statements::next_id(connection, self.0).await?)
    }
}

struct LastId;

impl Work for LastId {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        Ok(last_id(connection).await?)
    }
}

struct LogsOf(RangeInclusive<u64>, StoreIdentity);

impl Work for LogsOf {
    type Output = (Vec<Log>, usize);
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Self::Output, Failure> {
        Ok(statements::logs_of(connection, &self.0, self.1).await?)
    }
}

struct LedgerAfter<'a>(&'a [u8]);

impl Work for LedgerAfter<'_> {
    type Output = (Vec<LedgerEntry>, Option<Vec<u8>>);
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Self::Output, Failure> {
        let rows = statements::ledger_after(connection, self.0).await?;
        let last = rows.last().map(|row| row.key.clone());
        Ok((rows.into_iter().filter_map(|row| row.entry).collect(), last))
    }
}

struct CopyLedger<'a>(&'a [LedgerEntry]);

impl Work for CopyLedger<'_> {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        let request = Uuid::new_v4().into_bytes();
        Ok(statements::insert_new_batches(connection, self.0, &request).await?)
    }
}

struct CopyLogs<'a>(StoreIdentity, &'a [NamedLogs]);

impl Step for CopyLogs<'_> {
    type Output = usize;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<usize, sqlx::Error> {
        let Self(source, all) = *self;
        let keys: Vec<_> = all.iter().map(|named| statements::note_key(&named.name)).collect();
        let known: HashSet<_> = statements::find_notes(connection, &keys).await?.into_iter().collect();
        let mut new = Vec::new();
        for (named, key) in all.iter().zip(keys) {
            if !known.contains(&key) {
                new.push(named);
            }
        }
        if new.is_empty() {
            return Ok(0);
        }
        let names: Vec<_> = new.iter().map(|named| (named.name.as_str(), named.logs.len())).collect();
        statements::insert_copy_notes(connection, source, names).await?;
        let logs: Vec<&Log> = new.iter().flat_map(|named| &named.logs).collect();
        statements::insert_copies(connection, source, &logs).await?;
        Ok(logs.len())
    }
}

struct CountCopied(StoreIdentity);

impl Work for CountCopied {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        Ok(statements::count_copied(connection, self.0).await?)
    }
}
