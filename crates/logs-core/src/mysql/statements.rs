//! All SQL that the functions run. Values travel as bound parameters, always. The tables are made by
//! `migrations/`.

pub(super) mod codes;
#[cfg(feature = "migrate")]
mod copied_ids;
#[cfg(feature = "migrate")]
pub(super) mod copy;
pub(super) mod new_codes;
pub(super) mod summary;
pub(super) mod tally;

use sqlx::mysql::MySqlRow;
use sqlx::{Connection, Executor, FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use crate::{IdempotencyKey, Log, MostRecent, NewBatch, NewLog, Position, Query};

/// Sent once per connection, so that the server's defaults make no difference:
/// - Strict mode refuses an invalid value instead of changing it.
/// - A wait for a lock ends after 1 s, the minimum. So a blocked statement ends within the deadline and with a known
///   outcome: the server refuses it and stores nothing of it.
/// - The server waits 30 s for the next statement (default: 8 hours). An environment that vanished within a transaction
///   leaves its key locked only that long. One that was idle connects again.
/// - Each statement outside a transaction is committed, and a COMMIT begins no new transaction. Otherwise acknowledged
///   logs would be lost with the connection, and a list would never show newer ones.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     lock_wait_timeout = 1, innodb_lock_wait_timeout = 1, wait_timeout = 30, \
     autocommit = 1, completion_type = 'NO_CHAIN'";

/// As many as a POST may have. More rows per statement are no faster, and the server keeps 3 MB for each such statement
/// and connection (measured, MySQL 9.7).
pub(super) const LOGS_PER_STATEMENT: usize = crate::MAX_RECORDS;

/// `VALUES (?, ?, ?, ?), …` follows: one statement, so that a batch is stored whole or not at all.
const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) ";

/// `VALUES (?, ?, ?, ?, ?), …` follows. Error 1062 if the ledger has one of the keys.
const INSERT_BATCHES: &str = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) ";

/// Keys follow.
const SELECT_BATCHES: &str = "SELECT batch_key, fingerprint, stored_by FROM Batches WHERE batch_key IN (";

/// For deletions: locks no gaps, so that no INSERT waits.
const LOCK_ONLY_ROWS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

const DELETE_OLD_BATCHES: &str = "DELETE FROM Batches WHERE received_at < ? ORDER BY received_at LIMIT ?";

const DELETE_OLD_LOGS: &str = "DELETE FROM Logs WHERE received_at < ? ORDER BY received_at LIMIT ?";

/// Walks the index on `ranked_at` backwards; InnoDB keeps the primary key in it, so both sort keys are there.
/// The index is named because MariaDB, left alone, sorts the whole table while its statistics are old. The maximum is
/// the last entry of the index on `received_at`, which both servers look up before they plan anything. One statement,
/// so list and maximum are of one moment.
const SELECT_MOST_RECENT: &str = "SELECT error_log_id, device_id, error_number, time_stamp, received_at, \
     (SELECT MAX(received_at) FROM Logs) AS as_of \
     FROM Logs FORCE INDEX (most_recent) ORDER BY ranked_at DESC, error_log_id DESC LIMIT ?";

/// `(INDEX) WHERE …` follows.
const SELECT_PAGE: &str = "(SELECT error_log_id, device_id, error_number, time_stamp, received_at, NULL AS as_of \
     FROM Logs FORCE INDEX ";
const IN_ORDER: &str = " ORDER BY ranked_at DESC, error_log_id DESC LIMIT ";

/// A row of its own, so that it is there even if nothing is found. One statement, as above. The id has the type of the
/// column: MariaDB would make decimals of all ids otherwise.
const AND_AS_OF: &str =
    ") UNION ALL (SELECT CAST(NULL AS UNSIGNED), NULL, NULL, NULL, NULL, MAX(received_at) FROM Logs)";

/// Rows of a statement with many. With sketches of 8 kB each it stays below `max_allowed_packet` (16 MB on MariaDB).
const ROWS_PER_STATEMENT: usize = 500;

/// A row of `Logs`, if there is one, and the newest `received_at` of all.
struct LogRow {
    log: Option<Log>,
    as_of: Option<i64>,
}

/// Tables from which old rows are deleted, by their `received_at`.
#[derive(Clone, Copy, Debug)]
pub(super) enum ExpiringTable {
    Batches,
    Logs,
}

/// A row of `Batches`.
pub(super) struct BatchRow {
    pub(super) batch_key: Vec<u8>,
    pub(super) fingerprint: Vec<u8>,
    pub(super) stored_by: Vec<u8>,
}

// By hand: sqlx's derive macros have the driver compiled twice (docs/decisions/0066).
impl FromRow<'_, MySqlRow> for LogRow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let id: Option<u64> = row.try_get("error_log_id")?;
        let log = id.map(|id| {
            let (device_id, error_number) = (row.try_get("device_id")?, row.try_get("error_number")?);
            let (time_stamp, received_at) = (row.try_get("time_stamp")?, row.try_get("received_at")?);
            Ok::<_, sqlx::Error>(Log::new(id, device_id, error_number, time_stamp, received_at))
        });
        Ok(Self { log: log.transpose()?, as_of: row.try_get("as_of")? })
    }
}

impl FromRow<'_, MySqlRow> for BatchRow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self {
            batch_key: row.try_get("batch_key")?,
            fingerprint: row.try_get("fingerprint")?,
            stored_by: row.try_get("stored_by")?,
        })
    }
}

pub(super) async fn set_up_session(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(SET_UP_SESSION).await.map(drop)
}

/// Inserts logs, each with its `received_at`. One round trip; two the first time that this connection inserts this
/// number of rows.
pub(super) async fn insert_logs<'a>(
    connection: &mut MySqlConnection,
    logs: impl IntoIterator<Item = (&'a NewLog, i64)>,
) -> Result<(), sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(INSERT_LOGS);
    statement.push_values(logs, |mut row, (log, received_at)| {
        row.push_bind(log.device_id().as_str())
            .push_bind(log.error_code().get())
            .push_bind(log.timestamp().get())
            .push_bind(received_at);
    });
    statement.build().execute(connection).await.map(drop)
}

/// Inserts rows of the ledger, in the transaction that inserts their logs. `request` says who stored them.
pub(super) async fn insert_batches<'a>(
    transaction: &mut MySqlConnection,
    batches: impl IntoIterator<Item = NewBatch<'a>>,
    request: &[u8],
) -> Result<(), sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(INSERT_BATCHES);
    statement.push_values(batches, |mut row, batch| {
        row.push_bind(batch.key.as_str().as_bytes())
            .push_bind(batch.fingerprint.as_bytes().to_vec())
            .push_bind(u32::try_from(batch.logs.len()).unwrap_or(u32::MAX))
            .push_bind(request)
            .push_bind(batch.received_at);
    });
    statement.build().execute(transaction).await.map(drop)
}

/// What the ledger has of these keys, in any order.
pub(super) async fn find_batches(
    connection: &mut MySqlConnection,
    keys: impl IntoIterator<Item = &IdempotencyKey>,
) -> Result<Vec<BatchRow>, sqlx::Error> {
    let mut statement = list(SELECT_BATCHES, keys.into_iter().map(|key| key.as_str().as_bytes()));
    statement.build_query_as().fetch_all(connection).await
}

pub(super) async fn find_logs(connection: &mut MySqlConnection, query: &Query) -> Result<MostRecent, sqlx::Error> {
    // One more than asked for tells whether there is more.
    let limit = query.limit + 1;
    let rows: Vec<LogRow> = if query.is_of_all() {
        sqlx::query_as(SELECT_MOST_RECENT).bind(limit).fetch_all(connection).await?
    } else {
        page(query, limit).build_query_as().fetch_all(connection).await?
    };
    let as_of = rows.iter().find_map(|row| row.as_of);
    Ok(MostRecent::of(rows.into_iter().filter_map(|row| row.log).collect(), query.limit, as_of))
}

/// The statement for a page: the logs of a device, of a code, or of both. Of both: those of the device, which are fewer, are
/// looked through.
fn page(query: &Query, limit: u32) -> QueryBuilder<'_, MySql> {
    let index = match (&query.device_id, query.error_code) {
        (Some(_), _) => "(of_device)",
        (None, Some(_)) => "(of_code)",
        (None, None) => "(most_recent)",
    };
    let mut statement = QueryBuilder::new(SELECT_PAGE);
    statement.push(index).push(" WHERE TRUE");
    if let Some(device_id) = &query.device_id {
        // The column's collation treats some different ids as equal.
        statement.push(" AND device_id = ").push_bind(device_id.as_str());
        statement.push(" AND CAST(device_id AS BINARY) = CAST(").push_bind(device_id.as_str()).push(" AS BINARY)");
    }
    if let Some(error_code) = query.error_code {
        statement.push(" AND error_number = ").push_bind(error_code.get());
    }
    if let Some(Position { ranked_at, error_log_id }) = query.before {
        // Written so, both servers begin in the index where the page before ended; `(a, b) < (?, ?)` would read from its end.
        statement.push(" AND (ranked_at < ").push_bind(ranked_at).push(" OR (ranked_at = ").push_bind(ranked_at);
        statement.push(" AND error_log_id < ").push_bind(error_log_id).push("))");
    }
    statement.push(IN_ORDER).push_bind(limit).push(AND_AS_OF);
    statement
}

pub(super) async fn lock_only_rows(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(LOCK_ONLY_ROWS).await.map(drop)
}

/// Deletes up to `limit` of the oldest rows; returns the count.
pub(super) async fn delete_old(
    connection: &mut MySqlConnection,
    table: ExpiringTable,
    before: i64,
    limit: u32,
) -> Result<u64, sqlx::Error> {
    let statement = match table {
        ExpiringTable::Batches => DELETE_OLD_BATCHES,
        ExpiringTable::Logs => DELETE_OLD_LOGS,
    };
    Ok(sqlx::query(statement).bind(before).bind(limit).execute(connection).await?.rows_affected())
}

/// Whether the server at the other end still answers.
pub(super) async fn ping(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.ping().await
}

/// `values` as bound parameters, and the closing bracket.
fn list<'a, T>(statement: &str, values: impl Iterator<Item = T>) -> QueryBuilder<'a, MySql>
where
    T: 'a + Send + sqlx::Encode<'a, MySql> + sqlx::Type<MySql>,
{
    let mut statement = QueryBuilder::new(statement);
    let mut list = statement.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    list.push_unseparated(")");
    statement
}
