//! Where post-log sends the logs.

use logs_core::settings::Env;
use logs_core::{Access, Store};

use crate::Queue;

/// Where the logs go.
#[derive(Debug)]
pub enum Destination {
    /// Direct mode: 200 when committed.
    Store(Store),
    /// Queued mode: 202 when SQS has them.
    Queue(Queue),
}

impl Destination {
    /// The queue that `QUEUE_URL` names; without it the store, connected ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        match Queue::from_environment(env)? {
            Some(queue) => Ok(Self::Queue(queue)),
            None => Ok(Self::Store(Store::from_environment(env, Access::Write).await?)),
        }
    }
}
