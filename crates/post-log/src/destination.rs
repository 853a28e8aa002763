//! Where the logs go.

use logs_core::mysql::Store;
use logs_core::settings::{DatabaseSettings, Env};

use crate::Queue;

/// Where the logs go.
#[derive(Debug)]
pub enum Destination {
    /// Direct mode: 200 when committed.
    Database(Box<Store>),
    /// Queued mode: 202 when SQS has them.
    Queue(Queue),
}

impl Destination {
    /// The queue that `QUEUE_URL` names; without it the database, connected ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        if let Some(queue) = Queue::from_environment(env).await? {
            return Ok(Self::Queue(queue));
        }
        let store = Store::new(&DatabaseSettings::from_environment(env)?);
        store.warm_up().await?;
        Ok(Self::Database(Box::new(store)))
    }
}
