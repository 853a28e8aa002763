//! The baseline of `./dev bench` and `./dev load`: a bare INSERT of logs on a plain connection.

use logs_core::clock;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Executor, MySqlConnection};

use crate::codes::Code;

/// As in `logs_core::mysql`, without its lock timeout, which makes no difference here.
const SET_UP_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

const INSERT_LOGS: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) VALUES ";

/// Copies up to a limit of rows, with later timestamps.
const DOUBLE: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) \
     SELECT device_id, error_number, time_stamp + ?, received_at + ? FROM Logs ORDER BY error_log_id LIMIT ?";

/// Copies the rows up to an id to other devices, some hours older.
const COPY_TO_HOUR: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) \
     SELECT CONCAT(?, device_id), error_number, time_stamp - 3600 * ?, received_at - 3600 * ? FROM Logs \
     WHERE error_log_id <= ?";

/// A connection like that of a function. It caches prepared statements.
#[derive(Debug)]
pub(crate) struct BareConnection(MySqlConnection);

/// An INSERT of several logs.
#[derive(Debug)]
pub(crate) struct BareInsert {
    sql: String,
    codes: Vec<Code>,
}

impl BareInsert {
    pub(crate) fn new(codes: Vec<Code>) -> Self {
        Self { sql: INSERT_LOGS.to_owned() + &vec!["(?, ?, ?, ?)"; codes.len()].join(", "), codes }
    }
}

impl BareConnection {
    /// Connects and sets up the session as the functions do.
    pub(crate) async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let options: MySqlConnectOptions = url.parse()?;
        let options = options.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(false);
        let mut connection = options.disable_statement_logging().connect().await?;
        connection.execute(SET_UP_SESSION).await?;
        Ok(Self(connection))
    }

    /// One autocommitted statement. `received_at` is now.
    pub(crate) async fn insert(&mut self, insert: &BareInsert) -> Result<(), sqlx::Error> {
        let received_at = clock::unix_seconds();
        let mut statement = sqlx::query(&insert.sql);
        for Code { device_id, err, timestamp } in &insert.codes {
            statement = statement.bind(device_id.as_str()).bind(err).bind(timestamp).bind(received_at);
        }
        statement.execute(&mut self.0).await.map(drop)
    }

    /// Copies all rows until each exists `times` times, spread over `hours` hours, and under other devices in each round.
    pub(crate) async fn copy_over_hours(&mut self, times: u32, hours: u32) -> Result<(), sqlx::Error> {
        let newest: u64 = sqlx::query_scalar("SELECT MAX(error_log_id) FROM Logs").fetch_one(&mut self.0).await?;
        for copy in 1..times {
            let (round, hour) = (copy / hours, copy % hours);
            let copy = sqlx::query(COPY_TO_HOUR).bind(round).bind(hour).bind(hour).bind(newest);
            copy.execute(&mut self.0).await?;
        }
        Ok(())
    }

    /// Makes the summary look as if it had been counted again.
    pub(crate) async fn change_summary(&mut self) -> Result<(), sqlx::Error> {
        self.0.execute("UPDATE Summary_State SET complete_at = complete_at + 1").await.map(drop)
    }

    /// Fills an empty table with `rows` rows: one INSERT, which the server then copies again and again.
    pub(crate) async fn fill(&mut self, insert: &BareInsert, rows: usize) -> Result<(), sqlx::Error> {
        self.insert(insert).await?;
        let mut filled = insert.codes.len();
        while filled < rows {
            let [by, copies] = [filled, filled.min(rows - filled)].map(crate::figures::whole);
            sqlx::query(DOUBLE).bind(by).bind(by).bind(copies).execute(&mut self.0).await?;
            filled *= 2;
        }
        Ok(())
    }
}
