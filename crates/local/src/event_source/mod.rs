//! A queue as the event source of a function, like Lambda's event source mapping: pollers receive messages, gather them
//! into batches, invoke the function and delete what succeeded. A message that failed is delivered again after its
//! visibility timeout, and becomes a dead letter by the queue's redrive policy.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>

mod answer;
mod batch;
mod poller;

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::lambda::Function;
use crate::queue::Queue;
use poller::Poller;

#[derive(Clone)]
pub struct EventSourceConfig {
    pub queue: Queue,
    /// Needs at least `maximum_concurrency` environments.
    pub function: Function,
    /// Maximum number of messages in a batch. Lambda: at most 10,000.
    pub batch_size: usize,
    /// How long to gather a batch, from its first message on.
    pub window: Duration,
    /// Maximum number of simultaneous invocations.
    pub maximum_concurrency: usize,
    /// Receives a report after each invocation.
    pub invocations: Option<mpsc::UnboundedSender<Invocation>>,
}

/// The outcome of one invocation, after the deletions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    pub messages: usize,
    /// Messages that failed; they will be received again.
    pub failed: usize,
    /// Why the whole batch failed, if it did.
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    /// A batch is complete when the queue is empty.
    WithoutWindow,
    Stopped,
}

/// A running event source. Dropping it stops everything at once; messages that it received are delivered again.
pub struct EventSource {
    phase: watch::Sender<Phase>,
    pollers: JoinSet<()>,
}

impl EventSource {
    /// Starts polling. Each poller gathers and invokes in turn, so there is one per possible invocation, and no received
    /// message waits for another batch.
    pub fn start(config: &EventSourceConfig) -> Self {
        let (phase, of_pollers) = watch::channel(Phase::Gathering);
        let mut pollers = JoinSet::new();
        for _ in 0..config.maximum_concurrency.max(1) {
            pollers.spawn(Poller::new(config.clone(), of_pollers.clone()).run());
        }
        Self { phase, pollers }
    }

    /// From now on a batch is complete when the queue is empty: no client sends any more.
    pub fn end_windows(&self) {
        self.phase.send_replace(Phase::WithoutWindow);
    }

    /// Receives no new messages, waits for running invocations and deletes what succeeded. Messages that were received and
    /// not sent to the function become visible again.
    pub async fn stop(self) {
        self.phase.send_replace(Phase::Stopped);
        self.pollers.join_all().await;
    }
}
