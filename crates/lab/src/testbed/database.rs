//! All SQL of the lab but the bare INSERT: the content of the tables, and the server's own statistics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection, Executor, MySqlConnection, Row};
use tokio::time::{Instant, sleep};

use crate::codes::Code;
use crate::error::LabError;

/// The functions' user.
pub(crate) const USER: &str = "device";

/// How long to retry listing the connections.
const LIST_LIMIT: Duration = Duration::from_secs(10);

/// MySQL refuses to list connections while a statement with binary parameters runs, like an INSERT into the ledger.
const NOT_TEXT: Option<u16> = Some(3854);

/// The server's time for the functions' user, in picoseconds: statements, transactions, waits for the disk and for locks.
/// MySQL and MariaDB both have it.
const STATEMENT_TIME: &str = "SELECT CAST(COALESCE(SUM(SUM_TIMER_WAIT), 0) AS UNSIGNED) \
     FROM performance_schema.events_statements_summary_by_user_by_event_name WHERE USER = ?";

/// The administrator's connection, around the functions and their proxy.
pub(crate) struct Database(MySqlConnection);

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self, LabError> {
        Ok(Self(MySqlConnection::connect(url).await?))
    }

    /// Grants the rights that `migrate` grants to the users of post-log and store-logs.
    pub(crate) async fn create_user(&mut self, password: &str) -> Result<(), LabError> {
        self.run(&format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{password}'")).await?;
        for grant in ["INSERT ON Logs", "INSERT ON Batches", "SELECT ON Batches"] {
            self.run(&format!("GRANT {grant} TO '{USER}'@'%'")).await?;
        }
        Ok(())
    }

    pub(crate) async fn version(&mut self) -> Result<String, LabError> {
        Ok(sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut self.0).await?)
    }

    /// Each measurement starts with empty tables, so that the number of rows has no influence.
    pub(crate) async fn empty_tables(&mut self) -> Result<(), LabError> {
        self.run("TRUNCATE TABLE Logs").await?;
        self.run("TRUNCATE TABLE Batches").await
    }

    pub(crate) async fn set_read_only(&mut self, is_read_only: bool) -> Result<(), LabError> {
        self.run(if is_read_only { "SET GLOBAL read_only = ON" } else { "SET GLOBAL read_only = OFF" }).await
    }

    async fn run(&mut self, sql: &str) -> Result<(), LabError> {
        self.0.execute(sql).await?;
        Ok(())
    }

    /// Counts the logs.
    pub(crate) async fn rows(&mut self) -> Result<u64, LabError> {
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM Logs").fetch_one(&mut self.0).await?;
        Ok(rows.unsigned_abs())
    }

    /// The number of logs according to the ledger, which is faster to read. A batch's ledger row and its logs are one
    /// transaction.
    pub(crate) async fn codes_in_ledger(&mut self) -> Result<u64, LabError> {
        let sum = "SELECT CAST(COALESCE(SUM(accepted), 0) AS UNSIGNED) FROM Batches";
        Ok(sqlx::query_scalar(sum).fetch_one(&mut self.0).await?)
    }

    /// The keys of all stored batches.
    pub(crate) async fn keys(&mut self) -> Result<HashSet<Vec<u8>>, LabError> {
        let keys: Vec<Vec<u8>> = sqlx::query_scalar("SELECT batch_key FROM Batches").fetch_all(&mut self.0).await?;
        Ok(keys.into_iter().collect())
    }

    /// The ledger: the size of each batch, by its key.
    pub(crate) async fn ledger(&mut self) -> Result<HashMap<String, u32>, LabError> {
        let sql = "SELECT CAST(batch_key AS CHAR), accepted FROM Batches";
        let rows: Vec<(String, u32)> = sqlx::query_as(sql).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().collect())
    }

    /// The next 20,000 logs with ids above `id`. Millions at once would not fit into memory.
    pub(crate) async fn logs_after(&mut self, id: u64) -> Result<Vec<(u64, Code)>, LabError> {
        let sql = "SELECT error_log_id, device_id, error_number, time_stamp FROM Logs WHERE error_log_id > ? \
             ORDER BY error_log_id LIMIT 20000";
        let rows: Vec<(u64, String, i32, i64)> = sqlx::query_as(sql).bind(id).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().map(|(id, device_id, err, timestamp)| (id, Code { device_id, err, timestamp })).collect())
    }

    /// How many times each code of a device is stored.
    pub(crate) async fn codes_of(&mut self, device_id: &str) -> Result<BTreeMap<i32, u64>, LabError> {
        let sql = "SELECT error_number, COUNT(*) FROM Logs WHERE device_id = ? GROUP BY error_number";
        let rows: Vec<(i32, i64)> = sqlx::query_as(sql).bind(device_id).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().map(|(code, count)| (code, count.unsigned_abs())).collect())
    }

    /// The server's time for the functions' user so far.
    pub(crate) async fn statement_time(&mut self) -> Result<Duration, LabError> {
        let picoseconds: u64 = sqlx::query_scalar(STATEMENT_TIME).bind(USER).fetch_one(&mut self.0).await?;
        Ok(Duration::from_nanos(picoseconds / 1_000))
    }

    /// Whether this is the only connection.
    pub(super) async fn is_quiet(&mut self) -> Result<bool, LabError> {
        Ok(self.status("Threads_connected").await? <= 1)
    }

    /// Resets the maximum of simultaneous connections.
    pub(crate) async fn reset_connection_count(&mut self) -> Result<(), LabError> {
        self.run("FLUSH STATUS").await
    }

    /// The highest number of simultaneous connections since the reset, without this one.
    pub(crate) async fn max_connections(&mut self) -> Result<u64, LabError> {
        Ok(self.status("Max_used_connections").await?.saturating_sub(1))
    }

    /// Read as bytes, because the servers differ in the type of the value.
    async fn status(&mut self, name: &str) -> Result<u64, LabError> {
        let row = self.0.fetch_one(&*format!("SHOW GLOBAL STATUS LIKE '{name}'")).await?;
        let value: Vec<u8> = row.try_get_unchecked(1)?;
        Ok(String::from_utf8_lossy(&value).parse().unwrap_or_default())
    }

    /// Kills the connections of the functions' user, except `spared`.
    pub(crate) async fn kill_connections(&mut self, spared: &[u64]) -> Result<(), LabError> {
        for id in self.connections().await?.into_iter().filter(|id| !spared.contains(id)) {
            match self.0.execute(&*format!("KILL {id}")).await {
                // The connection may have ended in between.
                Ok(_) | Err(sqlx::Error::Database(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn connections(&mut self) -> Result<Vec<u64>, LabError> {
        let sql = "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE user = ?";
        let started = Instant::now();
        loop {
            match sqlx::query_scalar(sql).bind(USER).fetch_all(&mut self.0).await {
                Err(error) if number(&error) == NOT_TEXT && started.elapsed() < LIST_LIMIT => {}
                read => return Ok(read?),
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// The server's number of an error.
fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}
