//! What is old goes away, in steps so small that nobody who writes has to wait.

use sqlx::MySqlConnection;

use super::connection::Work;
use super::statements::{self, ExpiringTable};
use crate::Deadline;

/// What may go. Unix seconds; what was received before is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of the ledger. A batch that is sent again after its row is gone is stored again.
    pub batches_before: i64,
    /// Of the logs; `None` keeps them all.
    pub logs_before: Option<i64>,
}

impl Retention {
    /// By age: what was received that many days before `now`, in Unix seconds, is old.
    #[must_use]
    pub fn of_days(now: i64, batches: u16, logs: Option<u16>) -> Self {
        let before = |days: u16| now - i64::from(days) * 86_400;
        Self { batches_before: before(batches), logs_before: logs.map(before) }
    }
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RetentionReport {
    /// Rows of the ledger.
    pub batches: u64,
    /// Logs.
    pub logs: u64,
    /// Whether nothing that is old is left; otherwise there was no time for more.
    pub complete: bool,
}

/// Rows that one statement deletes: few enough that nobody waits for their locks for long. More of the ledger: in queued
/// mode it has a row for each message, and only a repetition after weeks asks for the key of an old one.
pub(super) const fn step(table: ExpiringTable) -> u32 {
    match table {
        ExpiringTable::Batches => 2_000,
        ExpiringTable::Logs => 500,
    }
}

/// Whether there is time for another step.
pub(super) fn has_time(deadline: Deadline) -> bool {
    deadline.remaining() > std::time::Duration::from_secs(2)
}

/// One step through a table; gives how many rows went.
pub(super) struct DeleteStep {
    pub(super) table: ExpiringTable,
    pub(super) before: i64,
}

impl Work for DeleteStep {
    type Output = u64;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
        statements::lock_only_rows(connection).await?;
        statements::delete_old(connection, self.table, self.before, step(self.table)).await
    }
}
