//! All SQL of the benchmark: the bare INSERT that a POST is compared with, and the rows that a GET reads.

use std::time::{Duration, Instant};

use crate::baseline::{BareConnection, BareInsert};

use crate::bench::event::timestamp;
use crate::testbed::version;

/// Doubles the table, up to a limit; each copy is so many seconds younger than its original.
const DOUBLE: &str = "INSERT INTO Logs (device_id, error_number, time_stamp, received_at) \
     SELECT device_id, error_number, time_stamp + ?, received_at + ? FROM Logs ORDER BY error_log_id LIMIT ?";

/// A connection past the functions.
pub(crate) struct Connection(BareConnection);

/// An INSERT of the logs that `event::post` sends.
pub(crate) fn insert_of(size: usize) -> BareInsert {
    BareInsert::new((0..size).map(timestamp))
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self, sqlx::Error> {
        Ok(Self(BareConnection::connect(url).await?))
    }

    /// How long the statement took.
    pub(crate) async fn time(&mut self, insert: &BareInsert) -> Result<Duration, sqlx::Error> {
        let started = Instant::now();
        self.0.insert(insert).await?;
        Ok(started.elapsed())
    }

    /// Puts so many rows, at least 1000, into an empty table; all but the first are made inside the server.
    pub(crate) async fn fill(&mut self, rows: u64) -> Result<(), sqlx::Error> {
        self.0.insert(&insert_of(1_000)).await?;
        let mut filled = 1_000;
        while filled < rows {
            let copies = filled.min(rows - filled);
            sqlx::query(DOUBLE).bind(filled).bind(filled).bind(copies).execute(self.0.inner()).await?;
            filled += copies;
        }
        Ok(())
    }

    /// What the server says that it is.
    pub(crate) async fn version(&mut self) -> Result<String, sqlx::Error> {
        version(self.0.inner()).await
    }
}
