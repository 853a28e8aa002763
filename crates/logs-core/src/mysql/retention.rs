//! What is old goes away, in steps so small that nobody who writes has to wait.

use sqlx::MySqlConnection;

use super::statements;
use crate::Deadline;

/// Rows that one statement deletes: it holds their locks for some milliseconds.
pub(super) const STEP: u32 = 500;

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

/// Where the walk through the logs has come to, in the order of the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) ranked_at: i64,
    pub(super) error_log_id: u64,
}

impl Place {
    pub(super) const START: Self = Self { ranked_at: i64::MIN, error_log_id: 0 };
}

/// Whether there is time for another step.
pub(super) fn has_time(deadline: Deadline) -> bool {
    deadline.remaining() > std::time::Duration::from_secs(2)
}

/// One step through the ledger: how many rows went.
pub(super) async fn delete_batches(connection: &mut MySqlConnection, before: i64) -> Result<u64, sqlx::Error> {
    statements::lock_only_rows(connection).await?;
    statements::delete_old_batches(connection, before, STEP).await
}

/// One step through the logs: how many went, and where to go on; `None` at the end.
///
/// There is no index on `received_at`: one for this alone would cost every INSERT. What was received before has a
/// `ranked_at` of at most 300 s later, so the walk is along that index; logs of devices whose clock is behind lie there,
/// too, and are passed over.
pub(super) async fn delete_logs(
    connection: &mut MySqlConnection,
    before: i64,
    from: Place,
) -> Result<(u64, Option<Place>), sqlx::Error> {
    let found = statements::find_old_logs(connection, before, from, STEP).await?;
    let Some(last) = found.last() else { return Ok((0, None)) };
    let place = Place { ranked_at: last.ranked_at, error_log_id: last.error_log_id };
    let old: Vec<u64> = found.iter().filter(|log| log.received_at < before).map(|log| log.error_log_id).collect();
    let deleted = if old.is_empty() {
        0
    } else {
        statements::lock_only_rows(connection).await?;
        statements::delete_logs(connection, &old).await?
    };
    Ok((deleted, (found.len() == STEP as usize).then_some(place)))
}
