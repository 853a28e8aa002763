//! Writes the summary of the codes. `migrations/0007_summary.sql` explains its tables.

use sqlx::mysql::MySqlRow;
use sqlx::{Executor, FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use super::{ROWS_PER_STATEMENT, list};
use crate::CodesQuery;
use crate::domain::{SummaryRow, first_hour};

/// See `SET_UP_SESSION`, which the second one restores.
const WAIT_IN_LINE: &str = "SET SESSION innodb_lock_wait_timeout = 60";
const WAIT_BRIEFLY: &str = "SET SESSION innodb_lock_wait_timeout = 1";

/// Locks the row, so that one transaction at a time works on the summary. Comes first in each transaction: its first
/// read without a lock would fix its view of the database.
const LOCK_STATE: &str = "SELECT counted_to, known_to, as_of, window_hour, complete_at, rebuilding, \
     CAST(LEAST(?, UNIX_TIMESTAMP()) AS SIGNED) AS now FROM Summary_State WHERE id = 1 FOR UPDATE";

const SAVE_STATE: &str =
    "UPDATE Summary_State SET counted_to = ?, as_of = ?, window_hour = ?, complete_at = ? WHERE id = 1";

/// Subtracts the logs of the hours that leave a window. The first and the last hour follow.
const SHORTEN: &str = "UPDATE Codes JOIN (SELECT error_code, CAST(SUM(logs) AS SIGNED) AS logs FROM Code_Hours \
     WHERE hour BETWEEN ";
const OLD: &str = " GROUP BY error_code) AS old ON old.error_code = Codes.error_code SET ";

/// In the order of the ids, which is the order of the table.
const SELECT_ROWS: &str = "SELECT error_log_id, error_number, device_id, received_at FROM Logs FORCE INDEX (PRIMARY) \
     WHERE error_log_id > ? ORDER BY error_log_id LIMIT ?";

/// Ranges of ids follow.
const SELECT_ROWS_IN: &str =
    "SELECT error_log_id, error_number, device_id, received_at FROM Logs FORCE INDEX (PRIMARY) WHERE ";

/// Ranges of ids follow, and the lock.
const SELECT_ANY_IN: &str = "SELECT error_log_id FROM Logs FORCE INDEX (PRIMARY) WHERE ";
const LIMIT_ONE_LOCKED: &str = " LIMIT 1 LOCK IN SHARE MODE";

const SELECT_LAST_ID: &str = "SELECT MAX(error_log_id) FROM Logs";

const SELECT_LAG: &str = "SELECT counted_to, complete_at FROM Summary_State WHERE id = 1";

const SELECT_GAPS: &str =
    "SELECT first_id, last_id, found_at FROM Summary_Gaps WHERE first_id > ? ORDER BY first_id LIMIT ?";
const SELECT_OLD_GAPS: &str = "SELECT first_id, last_id, found_at FROM Summary_Gaps WHERE found_at <= ? LIMIT ?";
const INSERT_GAPS: &str = "INSERT INTO Summary_Gaps (first_id, last_id, found_at) ";
const DELETE_GAPS: &str = "DELETE FROM Summary_Gaps WHERE first_id IN (";

const DELETE_HOURS: &str = "DELETE FROM Code_Hours WHERE hour < ? ORDER BY hour LIMIT ?";

const START_REBUILD: &str = "UPDATE Summary_State SET rebuilding = TRUE, complete_at = complete_at + 1 WHERE id = 1";
const RESET_CODES: &str = "UPDATE Codes SET logs = 0, day = 0, week = 0";
const DELETE_ALL_GAPS: &str = "DELETE FROM Summary_Gaps";
const RESET_STATE: &str = "UPDATE Summary_State SET counted_to = 0, known_to = ?, as_of = NULL, window_hour = 0, \
     rebuilding = FALSE, complete_at = complete_at + 1 WHERE id = 1";

/// The row of `Summary_State`.
#[derive(Clone, Copy, Debug)]
pub(in crate::mysql) struct State {
    pub(in crate::mysql) counted_to: u64,
    pub(in crate::mysql) known_to: u64,
    pub(in crate::mysql) as_of: Option<i64>,
    /// The last hour of `Codes.day` and `Codes.week`.
    pub(in crate::mysql) window_hour: i64,
    pub(in crate::mysql) complete_at: i64,
    /// The time by the slower clock, ours or the server's. A clock that jumps ahead must not delete hours.
    pub(in crate::mysql) now: i64,
    pub(in crate::mysql) rebuilding: bool,
}

/// Ids from the first to the last, both included, and when they were found missing, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mysql) struct Gap {
    pub(in crate::mysql) first_id: u64,
    pub(in crate::mysql) last_id: u64,
    pub(in crate::mysql) found_at: i64,
}

impl FromRow<'_, MySqlRow> for State {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self {
            counted_to: row.try_get("counted_to")?,
            known_to: row.try_get("known_to")?,
            as_of: row.try_get("as_of")?,
            window_hour: row.try_get("window_hour")?,
            now: row.try_get("now")?,
            complete_at: row.try_get("complete_at")?,
            rebuilding: row.try_get("rebuilding")?,
        })
    }
}

impl FromRow<'_, MySqlRow> for Gap {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (first_id, last_id) = (row.try_get("first_id")?, row.try_get("last_id")?);
        Ok(Self { first_id, last_id, found_at: row.try_get("found_at")? })
    }
}

impl FromRow<'_, MySqlRow> for SummaryRow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        // By position: there are many of them, and looking up a name takes as long as the value.
        let (error_log_id, error_code) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self { error_log_id, error_code, device_id: row.try_get(2)?, received_at: row.try_get(3)? })
    }
}

/// Locks the state until the transaction ends. Waits for the step of another run, in line with others that wait: the second
/// of all other statements is too short for a large step.
pub(in crate::mysql) async fn lock_state(connection: &mut MySqlConnection, now: i64) -> Result<State, sqlx::Error> {
    connection.execute(WAIT_IN_LINE).await?;
    let state = sqlx::query_as(LOCK_STATE).bind(now).fetch_one(&mut *connection).await;
    let restored = connection.execute(WAIT_BRIEFLY).await;
    let state = state?;
    restored?;
    Ok(state)
}

/// Saves how far the count has come.
pub(in crate::mysql) async fn save_state(connection: &mut MySqlConnection, state: &State) -> Result<(), sqlx::Error> {
    let State { counted_to, as_of, window_hour, complete_at, .. } = state;
    let save = sqlx::query(SAVE_STATE).bind(counted_to).bind(as_of).bind(window_hour).bind(complete_at);
    save.execute(connection).await.map(drop)
}

/// Moves the windows of a day and of a week, so that they end with `hour`.
pub(in crate::mysql) async fn move_windows(
    connection: &mut MySqlConnection,
    state: &mut State,
    hour: i64,
) -> Result<(), sqlx::Error> {
    if hour <= state.window_hour {
        return Ok(());
    }
    let windows = [("day = day - old.logs", CodesQuery::DAY), ("week = week - old.logs", CodesQuery::MAX_HOURS)];
    for (change, hours) in windows {
        let (first, last) = (first_hour(hours, state.window_hour), first_hour(hours, hour) - 1);
        let mut shorten = QueryBuilder::<MySql>::new(SHORTEN);
        shorten.push_bind(first).push(" AND ").push_bind(last).push(OLD).push(change);
        shorten.build().execute(&mut *connection).await?;
    }
    state.window_hour = hour;
    Ok(())
}

pub(in crate::mysql) async fn rows_after(
    connection: &mut MySqlConnection,
    id: u64,
    limit: u32,
) -> Result<Vec<SummaryRow>, sqlx::Error> {
    sqlx::query_as(SELECT_ROWS).bind(id).bind(limit).fetch_all(connection).await
}

pub(in crate::mysql) async fn rows_in(
    connection: &mut MySqlConnection,
    gaps: &[Gap],
) -> Result<Vec<SummaryRow>, sqlx::Error> {
    let mut statement = QueryBuilder::new(SELECT_ROWS_IN);
    push_ranges(&mut statement, gaps);
    statement.build_query_as().persistent(false).fetch_all(connection).await
}

/// Whether there is a row in one of the gaps. Waits for transactions that have written one and are not committed.
pub(in crate::mysql) async fn is_any_in(connection: &mut MySqlConnection, gaps: &[Gap]) -> Result<bool, sqlx::Error> {
    let mut statement = QueryBuilder::new(SELECT_ANY_IN);
    push_ranges(&mut statement, gaps);
    statement.push(LIMIT_ONE_LOCKED);
    Ok(statement.build().persistent(false).fetch_optional(connection).await?.is_some())
}

fn push_ranges(statement: &mut QueryBuilder<'_, MySql>, gaps: &[Gap]) {
    let mut ranges = statement.separated(" OR ");
    for gap in gaps {
        ranges.push("error_log_id BETWEEN ").push_bind_unseparated(gap.first_id);
        ranges.push_unseparated(" AND ").push_bind_unseparated(gap.last_id);
    }
}

/// The last id of `Logs`, 0 if there is none.
pub(in crate::mysql) async fn last_id(connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
    let id: Option<u64> = sqlx::query_scalar(SELECT_LAST_ID).fetch_one(connection).await?;
    Ok(id.unwrap_or(0))
}

/// How many ids are not counted yet, and when all logs were counted last, in Unix seconds.
pub(in crate::mysql) async fn lag(connection: &mut MySqlConnection) -> Result<(u64, i64), sqlx::Error> {
    let (counted_to, complete_at): (u64, i64) = sqlx::query_as(SELECT_LAG).fetch_one(&mut *connection).await?;
    Ok((last_id(connection).await?.saturating_sub(counted_to), complete_at))
}

pub(in crate::mysql) async fn gaps_after(
    connection: &mut MySqlConnection,
    id: u64,
    limit: u32,
) -> Result<Vec<Gap>, sqlx::Error> {
    sqlx::query_as(SELECT_GAPS).bind(id).bind(limit).fetch_all(connection).await
}

/// Gaps that were found up to this time.
pub(in crate::mysql) async fn gaps_before(
    connection: &mut MySqlConnection,
    found_at: i64,
    limit: usize,
) -> Result<Vec<Gap>, sqlx::Error> {
    sqlx::query_as(SELECT_OLD_GAPS).bind(found_at).bind(limit as u64).fetch_all(connection).await
}

pub(in crate::mysql) async fn insert_gaps(connection: &mut MySqlConnection, gaps: &[Gap]) -> Result<(), sqlx::Error> {
    for gaps in gaps.chunks(ROWS_PER_STATEMENT) {
        let mut statement = QueryBuilder::<MySql>::new(INSERT_GAPS);
        statement.push_values(gaps, |mut row, gap| {
            row.push_bind(gap.first_id).push_bind(gap.last_id).push_bind(gap.found_at);
        });
        statement.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(in crate::mysql) async fn delete_gaps(connection: &mut MySqlConnection, gaps: &[Gap]) -> Result<(), sqlx::Error> {
    if gaps.is_empty() {
        return Ok(());
    }
    let mut statement = list(DELETE_GAPS, gaps.iter().map(|gap| gap.first_id));
    statement.build().persistent(false).execute(connection).await.map(drop)
}

/// Deletes up to `limit` of the oldest rows; returns the count.
pub(in crate::mysql) async fn delete_hours(
    connection: &mut MySqlConnection,
    before: i64,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query(DELETE_HOURS).bind(before).bind(limit).execute(connection).await?.rows_affected())
}

pub(in crate::mysql) async fn start_rebuild(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    lock_state(connection, 0).await?;
    connection.execute(START_REBUILD).await.map(drop)
}

/// Resets the counts. When a code was first and last seen is kept: those logs may be deleted by now.
pub(in crate::mysql) async fn reset(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let known_to = last_id(connection).await?;
    for statement in [RESET_CODES, DELETE_ALL_GAPS] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    sqlx::query(RESET_STATE).bind(known_to).execute(connection).await.map(drop)
}
