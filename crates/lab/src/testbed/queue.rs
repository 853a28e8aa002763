//! Queued mode: moto plays SQS, and store-logs consumes the queue as behind Lambda's event source mapping.

use std::time::Duration;

use local::event_source::{EventSource, EventSourceConfig, Invocation};
use local::lambda::{Function, FunctionConfig};
use local::moto::{Moto, MotoOptions, REGION};
use local::queue::{Queues, RedrivePolicy};
use tokio::sync::mpsc;

use super::{Testbed, wait_until};
use crate::error::LabError;

/// How long the queue may take to drain once no client sends.
const DRAIN_LIMIT: Duration = Duration::from_mins(3);

/// As in infra/queue/store-logs.yml.
const MESSAGES_PER_EVENT: usize = 10_000;

/// As in infra/ingestion.js. An injected fault must not turn a message into a dead letter.
const MAX_RECEIVE_COUNT: u32 = 20;

/// A queue and its dead-letter queue.
pub(crate) struct Queue {
    pub(crate) moto: Moto,
    pub(crate) queues: Queues,
}

/// store-logs on a queue.
pub(crate) struct Consumer {
    source: EventSource,
    function: Function,
    pub(crate) invocations: mpsc::UnboundedReceiver<Invocation>,
}

impl Queue {
    /// `visibility_timeout` is in seconds.
    pub(crate) async fn start(testbed: &Testbed, visibility_timeout: u32) -> Result<Self, LabError> {
        testbed.progress.say("starting moto, which plays the queue");
        let log_file = testbed.folder().join("moto.log");
        let moto = Moto::start(&MotoOptions { log_file: Some(&log_file), ..MotoOptions::default() }).await?;
        let policy = RedrivePolicy { visibility_timeout, max_receive_count: MAX_RECEIVE_COUNT };
        let queues = Queues::create(moto.url(), REGION, policy).await?;
        Ok(Self { moto, queues })
    }

    /// The settings with which post-log sends to this queue.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        self.queues.sender_settings(&self.moto).to_vec()
    }

    /// Starts store-logs on this queue.
    pub(crate) fn consume(&self, store_logs: FunctionConfig, window: Duration) -> Consumer {
        let maximum_concurrency = store_logs.concurrency;
        let function = Function::new(store_logs);
        let (sender, invocations) = mpsc::unbounded_channel();
        let source = EventSource::start(&EventSourceConfig {
            queue: self.queues.queue.clone(),
            function: function.clone(),
            batch_size: MESSAGES_PER_EVENT,
            window,
            maximum_concurrency,
            invocations: Some(sender),
        });
        Consumer { source, function, invocations }
    }

    /// Waits until each message is stored or a dead letter. Returns the number of dead letters.
    pub(crate) async fn drain(&self) -> Result<usize, LabError> {
        let is_empty = async || Ok(self.queues.queue.depth().await?.all() == 0);
        wait_until(DRAIN_LIMIT, "the queue does not become empty", is_empty).await?;
        Ok(self.queues.dead_letters.depth().await?.all())
    }
}

impl Consumer {
    /// Stores the messages that were received, then ends the function.
    pub(crate) async fn stop(self) {
        self.source.stop().await;
        self.function.stop().await;
    }
}
