//! Queued mode: moto plays SQS, and store-logs empties the queue as Lambda's event source mapping would have it.

use std::time::Duration;

use local::event_source::{EventSource, EventSourceConfig, Invocation};
use local::lambda::{Function, FunctionConfig};
use local::moto::{Moto, MotoOptions, REGION};
use local::queue::{Queues, RedrivePolicy};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::Testbed;
use crate::error::LabError;

/// How long the queue may take to become empty when nobody sends any more.
const DRAIN_LIMIT: Duration = Duration::from_mins(3);

/// As in infra/queue/store-logs.yml.
const MESSAGES_PER_EVENT: usize = 10_000;

/// As in infra/ingestion.js. No message may be given up for what is only a fault.
const MAX_RECEIVE_COUNT: u32 = 20;

/// A queue and its dead letters.
pub(crate) struct Queue {
    pub(crate) moto: Moto,
    pub(crate) queues: Queues,
}

/// What empties it.
pub(crate) struct Consumer {
    source: EventSource,
    function: Function,
    pub(crate) invocations: mpsc::UnboundedReceiver<Invocation>,
}

impl Queue {
    /// A message that was received is hidden for so many seconds.
    pub(crate) async fn start(testbed: &Testbed, visibility_timeout: u32) -> Result<Self, LabError> {
        testbed.progress.say("starting moto, which plays the queue");
        let log_file = testbed.folder().join("moto.log");
        let moto = Moto::start(&MotoOptions { log_file: Some(&log_file), ..MotoOptions::default() }).await?;
        let policy = RedrivePolicy { visibility_timeout, max_receive_count: MAX_RECEIVE_COUNT };
        let queues = Queues::create(moto.url(), REGION, policy).await?;
        Ok(Self { moto, queues })
    }

    /// What post-log needs to find it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        self.queues.sender_settings(&self.moto).to_vec()
    }

    /// Starts store-logs on it.
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

    /// Waits until all messages are stored or dead. How many are dead.
    pub(crate) async fn drain(&self) -> Result<usize, LabError> {
        let started = Instant::now();
        while self.queues.queue.depth().await?.all() > 0 {
            if started.elapsed() > DRAIN_LIMIT {
                return Err(LabError::NeverEmpty);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(self.queues.dead_letters.depth().await?.all())
    }
}

impl Consumer {
    /// Stores what was received, and ends the function.
    pub(crate) async fn stop(self) {
        self.source.stop().await;
        self.function.stop().await;
    }
}
