//! What is in the tables, and what the server says of itself. All SQL of this program but the bare INSERT.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{Connection, Executor, MySqlConnection, Row};
use tokio::time::{Instant, sleep};

use crate::error::LabError;
use crate::testbed::{self, USER};

/// How long functions that were ended may still have connections.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// All that the server did for the functions' user, in picoseconds: statements, transactions, waiting for the disk and
/// for locks. Both MySQL and MariaDB have it.
const STATEMENT_TIME: &str = "SELECT CAST(COALESCE(SUM(SUM_TIMER_WAIT), 0) AS UNSIGNED) \
     FROM performance_schema.events_statements_summary_by_user_by_event_name WHERE USER = ?";

/// The administrator's connection, which does not count where connections are counted.
pub(crate) struct Tables(MySqlConnection);

impl Tables {
    pub(crate) async fn open(url: &str) -> Result<Self, LabError> {
        Ok(Self(MySqlConnection::connect(url).await?))
    }

    pub(crate) async fn create_user(&mut self, password: &str) -> Result<(), LabError> {
        Ok(testbed::create_user(&mut self.0, password).await?)
    }

    pub(crate) async fn version(&mut self) -> Result<String, LabError> {
        Ok(testbed::version(&mut self.0).await?)
    }

    /// Each measurement begins with empty tables: how many rows there are plays no part.
    pub(crate) async fn empty_tables(&mut self) -> Result<(), LabError> {
        self.0.execute("TRUNCATE TABLE Logs").await?;
        self.0.execute("TRUNCATE TABLE Batches").await?;
        Ok(())
    }

    /// Logs, counted one by one.
    pub(crate) async fn rows(&mut self) -> Result<u64, LabError> {
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM Logs").fetch_one(&mut self.0).await?;
        Ok(rows.unsigned_abs())
    }

    /// The same as the ledger has it, which is quicker to read. A batch's row and its logs are one transaction.
    pub(crate) async fn codes_in_ledger(&mut self) -> Result<u64, LabError> {
        let sum = "SELECT CAST(COALESCE(SUM(accepted), 0) AS UNSIGNED) FROM Batches";
        Ok(sqlx::query_scalar(sum).fetch_one(&mut self.0).await?)
    }

    /// The keys of all batches that are stored.
    pub(crate) async fn keys(&mut self) -> Result<HashSet<Vec<u8>>, LabError> {
        let keys: Vec<Vec<u8>> = sqlx::query_scalar("SELECT batch_key FROM Batches").fetch_all(&mut self.0).await?;
        Ok(keys.into_iter().collect())
    }

    /// The time of all statements of the functions' user so far.
    pub(crate) async fn statement_time(&mut self) -> Result<Duration, LabError> {
        let picoseconds: u64 = sqlx::query_scalar(STATEMENT_TIME).bind(USER).fetch_one(&mut self.0).await?;
        Ok(Duration::from_nanos(picoseconds / 1_000))
    }

    /// The time of all statements since then.
    pub(crate) async fn statement_time_since(&mut self, before: Duration) -> Result<Duration, LabError> {
        Ok(self.statement_time().await?.saturating_sub(before))
    }

    /// Waits until only this connection is left, and counts from here on.
    pub(crate) async fn forget_connections(&mut self) -> Result<(), LabError> {
        let started = Instant::now();
        while self.status("Threads_connected").await? > 1 {
            if started.elapsed() > QUIET_LIMIT {
                return Err(LabError::NeverQuiet);
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.0.execute("FLUSH STATUS").await?;
        Ok(())
    }

    /// The most connections at once since they were forgotten, without this one.
    pub(crate) async fn most_connections(&mut self) -> Result<u64, LabError> {
        Ok(self.status("Max_used_connections").await?.saturating_sub(1))
    }

    /// The servers differ in the type of the value.
    async fn status(&mut self, name: &str) -> Result<u64, LabError> {
        let row = self.0.fetch_one(&*format!("SHOW GLOBAL STATUS LIKE '{name}'")).await?;
        let value: Vec<u8> = row.try_get_unchecked(1)?;
        Ok(String::from_utf8_lossy(&value).parse().unwrap_or_default())
    }
}
