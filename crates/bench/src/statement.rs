//! All SQL of the benchmark: the bare INSERT that a POST is compared with, and the rows that a GET reads.

use std::time::{Duration, Instant};

use logs_core::clock;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Executor, MySqlConnection};

use crate::event::{ERROR_CODE, device_id, timestamp};

/// As in `logs_core::mysql`, whose lock waits make no difference here.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) VALUES ";

/// Doubles the table, up to a limit; each copy is so many seconds younger than its original.
const DOUBLE: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) \
     SELECT device_id, error_number, time_stamp + ?, received_at + ? FROM Logs ORDER BY error_log_id LIMIT ?";

/// A connection like that of a function, with nothing around it. It keeps what it has prepared.
pub(crate) struct BareConnection(MySqlConnection);

/// An INSERT of some rows, ready to be sent.
pub(crate) struct BareInsert {
    sql: String,
    rows: Vec<(String, i64)>,
}

impl BareInsert {
    /// The rows that `event::post` sends.
    pub(crate) fn of(size: usize) -> Self {
        let mut sql = INSERT_LOGS.to_owned();
        for row in 0..size {
            sql.push_str(if row == 0 { "(?, ?, ?, ?)" } else { ", (?, ?, ?, ?)" });
        }
        Self { sql, rows: (0..size).map(|index| (device_id(index), timestamp(index))).collect() }
    }
}

impl BareConnection {
    pub(crate) async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let options: MySqlConnectOptions = url.parse()?;
        let options = options.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(false);
        let mut connection = options.disable_statement_logging().connect().await?;
        connection.execute(SET_UP_SESSION).await?;
        Ok(Self(connection))
    }

    /// One statement, one autocommit; how long it took.
    pub(crate) async fn time(&mut self, insert: &BareInsert) -> Result<Duration, sqlx::Error> {
        let started = Instant::now();
        let received_at = clock::unix_seconds();
        let mut statement = sqlx::query(&insert.sql);
        for (device_id, timestamp) in &insert.rows {
            statement = statement.bind(device_id.as_str()).bind(ERROR_CODE).bind(timestamp).bind(received_at);
        }
        statement.execute(&mut self.0).await?;
        Ok(started.elapsed())
    }

    /// Puts so many rows, at least 1000, into an empty table; all but the first are made inside the server.
    pub(crate) async fn fill(&mut self, rows: u64) -> Result<(), sqlx::Error> {
        self.time(&BareInsert::of(1_000)).await?;
        let mut filled = 1_000;
        while filled < rows {
            let copies = filled.min(rows - filled);
            sqlx::query(DOUBLE).bind(filled).bind(filled).bind(copies).execute(&mut self.0).await?;
            filled += copies;
        }
        Ok(())
    }

    /// What the server says that it is.
    pub(crate) async fn version(&mut self) -> Result<String, sqlx::Error> {
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut self.0).await
    }
}
