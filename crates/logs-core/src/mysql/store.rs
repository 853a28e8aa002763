//! What the functions call.

use sqlx::MySqlConnection;
use uuid::Uuid;

use super::connection::Connections;
use super::error::{MySqlError, UNKNOWN_INDEX, number};
use super::ledger::InsertOnce;
use super::retention::{self, Retention, RetentionReport};
use super::retry::{Failure, RetryPolicy, Work};
use super::settings::DatabaseSettings;
use super::{messages, statements};
use crate::settings::SettingError;
use crate::{Deadline, InsertOutcome, Message, MessageReport, MostRecent, NewBatch, NewLog, Query, StoreError};

/// The store on MySQL, over one connection for each event under way.
#[derive(Debug)]
pub struct MySqlStore {
    connections: Connections,
}

impl MySqlStore {
    /// A store that has not connected yet.
    #[must_use]
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { connections: Connections::new(settings) }
    }

    /// Connects ahead of the first event. A database that is away, or a secret that cannot be read, is only logged.
    ///
    /// # Errors
    /// The secret leaves something open that no setting says either.
    pub async fn warm_up(&self) -> Result<(), SettingError> {
        self.connections.warm_up().await
    }

    /// Deletes old rows, step by step, until none is left or the deadline is near. Running it again goes on.
    pub async fn delete_old(&self, retention: Retention, deadline: Deadline) -> Result<RetentionReport, StoreError> {
        Ok(retention::delete_old(&self.connections, retention, deadline).await?)
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
