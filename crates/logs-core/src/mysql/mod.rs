//! The store: MySQL 8.4 on RDS, or MariaDB from 10.11 on.
//!
//! `statements.rs` has the SQL, `connection.rs` keeps the one connection of an environment alive, `login.rs` says who
//! logs in where, `ledger.rs` how a batch under a key is stored once, `messages.rs` many at a time (in which pieces: `rounds.rs`), `error.rs` what a
//! failure means for what was sent, `pauses.rs` how long to wait between two tries. `migrate.rs` makes and upgrades the schema, `users.rs` the functions' users.

mod connection;
mod error;
mod ledger;
mod login;
mod messages;
#[cfg(feature = "migrate")]
mod migrate;
#[cfg(feature = "migrate")]
mod migrations;
mod pauses;
mod retention;
mod rounds;
mod statements;
#[cfg(feature = "migrate")]
mod users;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use sqlx::MySqlConnection;
use uuid::Uuid;

use crate::settings::{DatabaseSettings, SettingError};
use crate::{Batch, Deadline, Fingerprint, IdempotencyKey, Message, MostRecent, NewLog};

use connection::{Connections, RetryPolicy, Work};
pub use error::StoreError;
pub use ledger::InsertOutcome;
use ledger::{Entry, InsertOnce, Progress};
pub use login::LoginError;
pub use messages::{MessageOutcome, MessageOutcomes};
#[cfg(feature = "migrate")]
pub use migrate::{MigrateError, MigrationReport, migrate, migrate_with_users};
use retention::DeleteStep;
pub use retention::{Retention, RetentionReport};
use statements::ExpiringTable;
#[cfg(feature = "migrate")]
pub use users::{DatabaseUser, Rights, UserError};

/// Reads and writes logs over one connection, which is made again whenever it is lost.
#[derive(Debug)]
pub struct Store {
    connections: Connections,
}

impl Store {
    /// A store that has not connected yet.
    #[must_use]
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { connections: Connections::new(settings) }
    }

    /// Connects ahead of the first event. A database that is away, or a secret that cannot be read, is logged, not an
    /// error: the process must start, answer 503, and connect on a later event.
    ///
    /// # Errors
    /// The secret leaves something open that no setting says either.
    pub async fn warm_up(&self) -> Result<(), SettingError> {
        self.connections.warm_up().await
    }

    /// Stores a batch, whole or not at all: one statement, one autocommit. `received_at` is in Unix seconds.
    /// After an error nothing is stored, except for what [`StoreError::is_ambiguous`] says.
    pub async fn insert(&self, logs: &[NewLog], received_at: i64, deadline: Deadline) -> Result<(), StoreError> {
        self.connections.run(deadline, RetryPolicy::IfRefused, InsertLogs { logs, received_at }).await
    }

    /// Stores a batch under a key, whole or not at all, and only once: the ledger and the logs are one transaction.
    /// After an error the batch may be stored ([`StoreError::is_ambiguous`]); sending it again under its key tells.
    pub async fn insert_once(
        &self,
        key: &IdempotencyKey,
        batch: &Batch,
        received_at: i64,
        deadline: Deadline,
    ) -> Result<InsertOutcome, StoreError> {
        let request = Uuid::new_v4().into_bytes();
        let entry = &Entry { key, fingerprint: Fingerprint::of(batch), logs: &batch.logs, received_at };
        let progress = &Progress::default();
        let insert = InsertOnce { entry, request: &request, progress };
        let repeat = RetryPolicy::UntilKnown(&progress.commit_is_open);
        self.connections.run(deadline, repeat, insert).await.map_err(|error| match error {
            error if progress.commit_is_open.load(Ordering::Relaxed) && !error.is_ambiguous() => {
                StoreError::Unresolved(Box::new(error))
            }
            StoreError::Refused(_) if progress.key_is_in_flight.load(Ordering::Relaxed) => StoreError::KeyInFlight,
            error => error,
        })
    }

    /// Stores the batches of many messages, each whole or not at all and only once, in few large transactions. What is
    /// stored stays stored when a later transaction fails.
    pub async fn insert_messages(&self, messages: &[Message], deadline: Deadline) -> MessageOutcomes {
        let request = Uuid::new_v4().into_bytes();
        messages::insert(&self.connections, messages, &request, deadline).await
    }

    /// Deletes what is old, step by step, until nothing is left or the deadline is near. Running it again goes on.
    /// The tables take turns: a ledger that is behind must not keep the logs for ever.
    pub async fn delete_old(&self, retention: Retention, deadline: Deadline) -> Result<RetentionReport, StoreError> {
        let mut report = RetentionReport::default();
        let logs = retention.logs_before.map(|before| (ExpiringTable::Logs, before));
        let mut turns: VecDeque<_> =
            [(ExpiringTable::Batches, retention.batches_before)].into_iter().chain(logs).collect();
        while let Some((table, before)) = turns.pop_front() {
            if !retention::has_time(deadline) {
                return Ok(report);
            }
            let deleted = self.connections.run(deadline, RetryPolicy::Always, DeleteStep { table, before }).await?;
            match table {
                ExpiringTable::Batches => report.batches += deleted,
                ExpiringTable::Logs => report.logs += deleted,
            }
            // A full step: there may be more.
            if deleted >= u64::from(retention::step(table)) {
                turns.push_back((table, before));
            }
        }
        report.complete = true;
        Ok(report)
    }

    /// The most recent logs, and up to when the store has any. One round trip.
    pub async fn most_recent(&self, deadline: Deadline) -> Result<MostRecent, StoreError> {
        self.connections.run(deadline, RetryPolicy::Always, ReadMostRecent).await
    }
}

/// A batch without a key: one statement.
struct InsertLogs<'a> {
    logs: &'a [NewLog],
    received_at: i64,
}

impl Work for InsertLogs<'_> {
    type Output = ();

    async fn run(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        statements::insert_logs(connection, self.logs.iter().map(|log| (log, self.received_at))).await
    }
}

/// The list of a dashboard.
struct ReadMostRecent;

impl Work for ReadMostRecent {
    type Output = MostRecent;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<MostRecent, sqlx::Error> {
        statements::most_recent(connection).await
    }
}
