//! All SQL that the functions run. Values travel as bound parameters, always. The tables are made by
//! `migrations/`.

use sqlx::{Connection, Executor, FromRow, MySql, MySqlConnection, QueryBuilder};

use crate::{Log, MostRecent, NewLog};

/// Sent once a connection. Strict mode, so that a server that was set up laxly refuses a value instead of changing it.
/// One second of waiting for a lock, the least there is, so that a blocked statement ends inside the deadline and with
/// a known outcome: the server refuses it, and nothing of it is stored.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     lock_wait_timeout = 1, innodb_lock_wait_timeout = 1";

/// `VALUES (?, ?, ?, ?), …` follows: one statement, so that a batch is stored whole or not at all.
const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) ";

/// Walks the index on `ranked_at` backwards; InnoDB keeps the primary key in it, so both sort keys are there.
/// The index is named because MariaDB, left alone, sorts the whole table while its statistics are old.
const SELECT_MOST_RECENT: &str = "SELECT error_log_id, device_id, error_number, time_stamp, received_at \
     FROM Logs FORCE INDEX (most_recent) ORDER BY ranked_at DESC, error_log_id DESC LIMIT ?";

/// A row of `Logs`.
#[derive(FromRow)]
struct LogRow {
    error_log_id: u64,
    device_id: String,
    error_number: i32,
    time_stamp: i64,
    received_at: i64,
}

impl From<LogRow> for Log {
    fn from(row: LogRow) -> Self {
        Self {
            error_log_id: row.error_log_id,
            device_id: row.device_id,
            error_code: row.error_number,
            timestamp: row.time_stamp,
            received_at: row.received_at,
        }
    }
}

pub(super) async fn set_up_session(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(SET_UP_SESSION).await.map(drop)
}

/// One round trip, two when this connection sees a batch of this size for the first time.
pub(super) async fn insert_logs(
    connection: &mut MySqlConnection,
    logs: &[NewLog],
    received_at: i64,
) -> Result<(), sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(INSERT_LOGS);
    statement.push_values(logs, |mut row, log| {
        row.push_bind(log.device_id().as_str())
            .push_bind(log.error_code().get())
            .push_bind(log.timestamp().get())
            .push_bind(received_at);
    });
    statement.build().execute(connection).await.map(drop)
}

pub(super) async fn most_recent(connection: &mut MySqlConnection) -> Result<MostRecent, sqlx::Error> {
    let rows: Vec<LogRow> = sqlx::query_as(SELECT_MOST_RECENT).bind(MostRecent::LIMIT).fetch_all(connection).await?;
    Ok(MostRecent { result: rows.into_iter().map(Log::from).collect() })
}

/// Whether the server at the other end still answers.
pub(super) async fn ping(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.ping().await
}
