//! The store as the functions see it, on either engine.

use std::error::Error;

use crate::dynamodb::{DynamoStore, TableSettings};
use crate::metrics::Metric;
use crate::mysql::{DatabaseSettings, MySqlStore};
use crate::settings::Env;
use crate::{Codes, CodesQuery, Deadline, InsertOutcome, Message, MessageReport, MostRecent, NewBatch, NewLog, Query};

/// Writes and reads logs.
///
/// An enum, because the engines are a closed set and nothing needs a mock: the tests run on the real ones.
#[derive(Debug)]
pub enum Store {
    /// MySQL or MariaDB.
    MySql(Box<MySqlStore>),
    /// DynamoDB.
    DynamoDb(Box<DynamoStore>),
}

/// What a function does with the store. The warm-up before the first event makes only calls that the function's role
/// allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Lists logs.
    Read,
    /// Stores logs.
    Write,
}

/// Why a call of the store failed. The text is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing is stored.
    #[error("{0}")]
    NotStored(Box<dyn Error + Send + Sync>),
    /// The batch may be stored. It is safe to send it again only if it has an idempotency key.
    #[error("{0}")]
    MayBeStored(Box<dyn Error + Send + Sync>),
    /// This store does not support the query. Its text is for the client.
    #[error("{0}")]
    NotSupported(&'static str),
}

impl StoreError {
    /// Whether the batch may be stored.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::MayBeStored(_))
    }
}

impl Store {
    /// The store that the environment names, connected: DynamoDB if `TABLE_NAME` is set, else MySQL. An unreachable
    /// database or an unreadable secret is logged and is not an error: the process starts, responds with 503, and
    /// connects on a later event.
    ///
    /// # Errors
    /// A setting is missing or contradictory.
    pub async fn from_environment(env: Env<'_>, access: Access) -> Result<Self, Box<dyn Error + Send + Sync>> {
        if let Some(settings) = TableSettings::from_environment(env)? {
            let store = DynamoStore::new(settings)?;
            match access {
                Access::Read => store.warm_up_to_read().await,
                Access::Write => store.warm_up_to_write().await,
            }
            return Ok(store.into());
        }
        let store = MySqlStore::new(&DatabaseSettings::from_environment(env)?);
        store.warm_up().await?;
        Ok(store.into())
    }

    /// Costs and failures since the last call. Only DynamoDB counts them.
    pub fn take_metrics(&self) -> Vec<Metric> {
        match self {
            Self::MySql(_) => Vec::new(),
            Self::DynamoDb(store) => store.take_metrics(),
        }
    }

    /// Stores the logs, all or none. `received_at` is in Unix seconds.
    pub async fn insert(&self, logs: &[NewLog], received_at: i64, deadline: Deadline) -> Result<(), StoreError> {
        match self {
            Self::MySql(store) => store.insert(logs, received_at, deadline).await,
            Self::DynamoDb(store) => store.insert(logs, received_at, deadline).await,
        }
    }

    /// Stores a batch, whole or not at all, and only once, however often it is sent.
    pub async fn insert_once(&self, batch: NewBatch<'_>, deadline: Deadline) -> Result<InsertOutcome, StoreError> {
        match self {
            Self::MySql(store) => store.insert_once(batch, deadline).await,
            Self::DynamoDb(store) => store.insert_once(batch, deadline).await,
        }
    }

    /// What storing a batch now would find under its key, without storing it; `None` if the key is new.
    pub async fn find_batch(
        &self,
        batch: NewBatch<'_>,
        deadline: Deadline,
    ) -> Result<Option<InsertOutcome>, StoreError> {
        match self {
            Self::MySql(store) => store.find_batch(batch, deadline).await,
            Self::DynamoDb(store) => store.find_batch(batch, deadline).await,
        }
    }

    /// Stores the batches of many messages, each whole or not at all, and only once. What is stored stays stored when
    /// something fails later.
    pub async fn insert_messages(&self, messages: Vec<Message>, deadline: Deadline) -> MessageReport {
        match self {
            Self::MySql(store) => store.insert_messages(messages, deadline).await,
            Self::DynamoDb(store) => store.insert_messages(messages, deadline).await,
        }
    }

    /// The logs that a dashboard asks for, and the newest `received_at` of all.
    pub async fn find(&self, query: &Query, deadline: Deadline) -> Result<MostRecent, StoreError> {
        match self {
            Self::MySql(store) => store.find(query, deadline).await,
            Self::DynamoDb(store) => store.find(query, deadline).await,
        }
    }

    /// The summary of the codes in the window that ends at `now`, in Unix seconds.
    pub async fn codes(&self, query: CodesQuery, now: i64, deadline: Deadline) -> Result<Codes, StoreError> {
        match self {
            Self::MySql(store) => store.codes(query, now, deadline).await,
            Self::DynamoDb(_) => Err(StoreError::NotSupported("this stage's store has no summary of the codes")),
        }
    }

    /// The most recent logs of all.
    pub async fn most_recent(&self, deadline: Deadline) -> Result<MostRecent, StoreError> {
        self.find(&Query::default(), deadline).await
    }
}

impl From<MySqlStore> for Store {
    fn from(store: MySqlStore) -> Self {
        Self::MySql(Box::new(store))
    }
}

impl From<DynamoStore> for Store {
    fn from(store: DynamoStore) -> Self {
        Self::DynamoDb(Box::new(store))
    }
}
