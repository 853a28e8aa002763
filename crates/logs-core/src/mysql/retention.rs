//! Deletes old rows, in steps so small that no writer waits for them.

use std::collections::VecDeque;
use std::time::Duration;

use sqlx::MySqlConnection;

use super::connection::Connections;
use super::error::MySqlError;
use super::retry::{Failure, RetryPolicy, Work};
use super::statements::{self, ExpiringTable};
use crate::Deadline;

/// No step begins with less time left.
const STEP_LIMIT: Duration = Duration::from_secs(2);

/// Which rows are old: those that were received before these times, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// For the ledger. A batch that is sent again after its row is gone is stored again.
    pub batches_before: i64,
    /// For the logs; `None` keeps them all.
    pub logs_before: Option<i64>,
}

impl Retention {
    /// By age in days; `now` is in Unix seconds.
    pub fn of_days(now: i64, batches: u16, logs: Option<u16>) -> Self {
        let before = |days: u16| now - i64::from(days) * 86_400;
        Self { batches_before: before(batches), logs_before: logs.map(before) }
    }
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RetentionReport {
    /// Rows of the ledger.
    pub batches: u64,
    /// Logs.
    pub logs: u64,
    /// Whether all old rows are deleted. Otherwise the time ran out.
    pub complete: bool,
}

/// Deletes in steps. The tables take turns: a backlog of ledger rows must not hold up the logs.
pub(super) async fn delete_old(
    connections: &Connections,
    retention: Retention,
    deadline: Deadline,
) -> Result<RetentionReport, MySqlError> {
    let mut report = RetentionReport::default();
    let logs = retention.logs_before.map(|before| (ExpiringTable::Logs, before));
    let mut turns: VecDeque<_> = [(ExpiringTable::Batches, retention.batches_before)].into_iter().chain(logs).collect();
    while let Some((table, before)) = turns.pop_front() {
        if deadline.remaining() <= STEP_LIMIT {
            return Ok(report);
        }
        let deleted = connections.run(deadline, DeleteStep { table, before }).await?;
        match table {
            ExpiringTable::Batches => report.batches += deleted,
            ExpiringTable::Logs => report.logs += deleted,
        }
        // A full step: there may be more.
        if deleted >= u64::from(step(table)) {
            turns.push_back((table, before));
        }
    }
    report.complete = true;
    Ok(report)
}

/// How many rows one statement deletes: few enough that no writer waits long for their locks. More of the ledger, which
/// has a row for each message in queued mode; only a retry after weeks would look for an old key.
const fn step(table: ExpiringTable) -> u32 {
    match table {
        ExpiringTable::Batches => 2_000,
        ExpiringTable::Logs => 500,
    }
}

/// One step through a table; returns the number of deleted rows.
struct DeleteStep {
    table: ExpiringTable,
    before: i64,
}

impl Work for DeleteStep {
    type Output = u64;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, Failure> {
        statements::lock_only_rows(connection).await?;
        Ok(statements::delete_old(connection, self.table, self.before, step(self.table)).await?)
    }
}
