//! The bare statement that store-logs is compared with: the INSERT of 1000 logs, in a loop, each its own transaction.

use logs_core::{MAX_RECORDS, clock};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Executor, MySqlConnection};

use crate::codes::{ERROR_CODE, device_id, timestamp};

/// As in `logs_core::mysql`, whose lock waits make no difference here.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) VALUES ";

/// A connection like that of a function, with nothing around it. It keeps what it has prepared.
pub(crate) struct BareConnection(MySqlConnection);

/// An INSERT of as many logs as a statement of store-logs has.
pub(crate) struct BareInsert {
    sql: String,
    rows: Vec<(String, i64)>,
}

impl BareInsert {
    /// The logs that a POST sends.
    pub(crate) fn new() -> Self {
        let sql = INSERT_LOGS.to_owned() + &vec!["(?, ?, ?, ?)"; MAX_RECORDS].join(", ");
        Self { sql, rows: (0..MAX_RECORDS).map(|index| (device_id(index), timestamp(index))).collect() }
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

    /// One statement after the other, until so many logs are stored at least.
    pub(crate) async fn insert(&mut self, insert: &BareInsert, logs: usize) -> Result<(), sqlx::Error> {
        for _ in 0..logs.div_ceil(MAX_RECORDS) {
            let received_at = clock::unix_seconds();
            let mut statement = sqlx::query(&insert.sql);
            for (device_id, timestamp) in &insert.rows {
                statement = statement.bind(device_id.as_str()).bind(ERROR_CODE).bind(timestamp).bind(received_at);
            }
            statement.execute(&mut self.0).await?;
        }
        Ok(())
    }
}
