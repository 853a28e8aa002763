//! What the functions call.

use sqlx::MySqlConnection;
use uuid::Uuid;

use super::codes::CodesCache;
use super::connection::Connections;
use super::error::{MySqlError, UNKNOWN_INDEX, UNKNOWN_TABLE, number};
use super::ledger::{FindBatch, InsertOnce};
use super::one_transaction::InTransaction;
use super::retention::{self, Retention, RetentionReport};
use super::retry::{Failure, RetryPolicy, Work};
use super::settings::DatabaseSettings;
use super::summary::{self, ClaimNewCodes, NewCode, SettleClaim, StartRebuild, Summary, SummaryReport};
use super::{messages, statements};
use crate::settings::SettingError;
use crate::{
    Codes, CodesQuery, Deadline, InsertOutcome, Message, MessageReport, MostRecent, NewBatch, NewLog, Query, StoreError,
};

/// The store on MySQL, over one connection for each event under way.
#[derive(Debug)]
pub struct MySqlStore {
    pub(super) connections: Connections,
    codes_cache: CodesCache,
}

impl MySqlStore {
    /// A store that has not connected yet.
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { connections: Connections::new(settings), codes_cache: CodesCache::default() }
    }

    /// Connects ahead of the first event. An unreachable database or an unreadable secret is only logged.
    ///
    /// # Errors
    /// A value is neither in the secret nor in a setting.
    pub async fn warm_up(&self) -> Result<(), SettingError> {
        self.connections.warm_up().await
    }

    /// Deletes old rows in steps, until none is left or the deadline is near. The next call continues.
    pub async fn delete_old(&self, retention: Retention, deadline: Deadline) -> Result<RetentionReport, StoreError> {
        Ok(retention::delete_old(&self.connections, retention, deadline).await?)
    }

    /// Counts new logs into the summary of the codes in steps, until all are counted or the deadline is near. The next
    /// call continues.
    pub async fn summarize(&self, summary: Summary, deadline: Deadline) -> Result<SummaryReport, StoreError> {
        Ok(summary::summarize(&self.connections, summary, deadline).await?)
    }

    /// Makes the next [`Self::summarize`] count again all logs that the table has now. Logs that retention has deleted
    /// are not counted.
    pub async fn start_rebuild(&self, deadline: Deadline) -> Result<(), StoreError> {
        Ok(self.connections.run(deadline, InTransaction(StartRebuild)).await?)
    }

    /// Claims new codes for this run; no other run gets them. `claimant` is a random number of the run, `now` is in
    /// Unix seconds.
    pub async fn claim_new_codes(
        &self,
        claimant: &[u8; 16],
        now: i64,
        deadline: Deadline,
    ) -> Result<Vec<NewCode>, StoreError> {
        Ok(self.connections.run(deadline, InTransaction(ClaimNewCodes { claimant, now })).await?)
    }

    /// Ends a claim. If the codes were not announced, another run may claim them.
    pub async fn settle_claim(
        &self,
        claimant: &[u8; 16],
        announced: bool,
        deadline: Deadline,
    ) -> Result<(), StoreError> {
        Ok(self.connections.run(deadline, SettleClaim { claimant, announced }).await?)
    }

    /// One statement, one autocommit.
    pub(crate) async fn insert(&self, logs: &[NewLog], received_at: i64, deadline: Deadline) -> Result<(), StoreError> {
        Ok(self.connections.run(deadline, InsertLogs { logs, received_at }).await?)
    }

    /// One transaction: the ledger's row and the logs.
    pub(crate) async fn insert_once(
        &self,
        batch: NewBatch<'_>,
        deadline: Deadline,
    ) -> Result<InsertOutcome, StoreError> {
        let request = Uuid::new_v4().into_bytes();
        match self.connections.run(deadline, InsertOnce { batch, request: &request }).await {
            Err(MySqlError::KeyLocked) => Ok(InsertOutcome::KeyInFlight),
            outcome => Ok(outcome?),
        }
    }

    /// One statement.
    pub(crate) async fn find_batch(
        &self,
        batch: NewBatch<'_>,
        deadline: Deadline,
    ) -> Result<Option<InsertOutcome>, StoreError> {
        Ok(self.connections.run(deadline, FindBatch(batch)).await?)
    }

    /// Few large transactions.
    pub(crate) async fn insert_messages(&self, messages: Vec<Message>, deadline: Deadline) -> MessageReport {
        let request = Uuid::new_v4().into_bytes();
        messages::insert(&self.connections, messages, &request, deadline).await
    }

    /// One statement.
    pub(crate) async fn find(&self, query: &Query, deadline: Deadline) -> Result<MostRecent, StoreError> {
        match self.connections.run(deadline, FindLogs { query }).await {
            Err(MySqlError::Refused(error)) if number(&error) == Some(UNKNOWN_INDEX) => {
                Err(StoreError::NotSupported("this stage has no index for device_id and error_code"))
            }
            outcome => Ok(outcome?),
        }
    }

    /// Up to three statements in one transaction. `now` is in Unix seconds.
    pub(crate) async fn codes(&self, query: CodesQuery, now: i64, deadline: Deadline) -> Result<Codes, StoreError> {
        match self.codes_cache.find(&self.connections, query, now, deadline).await {
            Err(MySqlError::Refused(error)) if number(&error) == Some(UNKNOWN_TABLE) => {
                Err(StoreError::NotSupported("this stage has no summary of the codes yet; run migrate"))
            }
            outcome => Ok(outcome?),
        }
    }
}

/// Stores logs without a key.
struct InsertLogs<'a> {
    logs: &'a [NewLog],
    received_at: i64,
}

impl Work for InsertLogs<'_> {
    type Output = ();
    const RETRY: RetryPolicy = RetryPolicy::IfRefused;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<(), Failure> {
        Ok(statements::insert_logs(connection, self.logs.iter().map(|log| (log, self.received_at))).await?)
    }
}

/// Reads the list of a dashboard.
struct FindLogs<'a> {
    query: &'a Query,
}

impl Work for FindLogs<'_> {
    type Output = MostRecent;
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<MostRecent, Failure> {
        Ok(statements::find_logs(connection, self.query).await?)
    }
}
