//! The bare statement that `./dev bench` and `./dev load` measure the functions against: an INSERT of logs, on a
//! connection with nothing around it.

use logs_core::clock;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Executor, MySqlConnection};

/// As in `logs_core::mysql`, whose lock waits make no difference here.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) VALUES ";

/// `err` of every code that is sent or inserted.
pub(crate) const ERROR_CODE: i32 = 107;

/// A device's name; as long as a UUID, which is what fleets use.
pub(crate) fn device_id(index: usize) -> String {
    format!("device-{index:029}")
}

/// A connection like that of a function. It keeps what it has prepared.
#[derive(Debug)]
pub(crate) struct BareConnection(MySqlConnection);

/// An INSERT of some logs, ready to be sent.
#[derive(Debug)]
pub(crate) struct BareInsert {
    sql: String,
    rows: Vec<(String, i64)>,
}

impl BareInsert {
    /// A log for each of these timestamps (Unix seconds), each of another device.
    pub(crate) fn new(timestamps: impl IntoIterator<Item = i64>) -> Self {
        let rows: Vec<_> =
            timestamps.into_iter().enumerate().map(|(index, timestamp)| (device_id(index), timestamp)).collect();
        Self { sql: INSERT_LOGS.to_owned() + &vec!["(?, ?, ?, ?)"; rows.len()].join(", "), rows }
    }
}

impl BareConnection {
    /// Connects as the functions do, and sets up the session.
    pub(crate) async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let options: MySqlConnectOptions = url.parse()?;
        let options = options.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(false);
        let mut connection = options.disable_statement_logging().connect().await?;
        connection.execute(SET_UP_SESSION).await?;
        Ok(Self(connection))
    }

    /// One statement, one autocommit; all logs are received now.
    pub(crate) async fn insert(&mut self, insert: &BareInsert) -> Result<(), sqlx::Error> {
        let received_at = clock::unix_seconds();
        let mut statement = sqlx::query(&insert.sql);
        for (device_id, timestamp) in &insert.rows {
            statement = statement.bind(device_id.as_str()).bind(ERROR_CODE).bind(timestamp).bind(received_at);
        }
        statement.execute(&mut self.0).await.map(drop)
    }

    /// For whatever else is asked on it.
    pub(crate) fn inner(&mut self) -> &mut MySqlConnection {
        &mut self.0
    }
}
