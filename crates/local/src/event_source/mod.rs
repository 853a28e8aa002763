//! A queue as the event source of a function, as Lambda's event source mapping does it: pollers receive messages, gather
//! them into batches, invoke the function and delete what succeeded. What failed stays in the queue, comes again when its
//! visibility timeout is over, and is a dead letter after as many times as the queue's redrive policy says.
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

/// What to poll, and whom to invoke.
#[derive(Clone)]
pub struct EventSourceConfig {
    /// Where the messages are.
    pub queue: Queue,
    /// Who handles them. It must be allowed as many environments as `maximum_concurrency` says.
    pub function: Function,
    /// A batch of so many messages is not waited for any longer. Lambda: at most 10,000.
    pub batch_size: usize,
    /// How long a batch is gathered, from its first message on.
    pub window: Duration,
    /// How many invocations there may be at once.
    pub maximum_concurrency: usize,
    /// Gets a word after each invocation, for those who want to know.
    pub invocations: Option<mpsc::UnboundedSender<Invocation>>,
}

/// How one invocation ended, after the deletions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// How many messages were in the batch.
    pub messages: usize,
    /// How many of them came to nothing; they will be received again.
    pub failed: usize,
    /// Why all of them did, unless the function's answer said so itself.
    pub error: Option<String>,
}

/// What the pollers are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    /// As much as there is, and then at once.
    WithoutWindow,
    Stopped,
}

/// A running event source. Dropping it cuts off what it is doing; what it received comes again.
pub struct EventSource {
    phase: watch::Sender<Phase>,
    pollers: JoinSet<()>,
}

impl EventSource {
    /// Polls from now on. Each poller gathers and invokes in turn, so there are as many as there may be invocations, and
    /// nothing is received that would have to wait for one.
    #[must_use]
    pub fn start(config: &EventSourceConfig) -> Self {
        let (phase, of_pollers) = watch::channel(Phase::Gathering);
        let mut pollers = JoinSet::new();
        for _ in 0..config.maximum_concurrency.max(1) {
            pollers.spawn(Poller::new(config.clone(), of_pollers.clone()).run());
        }
        Self { phase, pollers }
    }

    /// From now on a batch is complete when the queue has no more: nobody sends.
    pub fn end_windows(&self) {
        self.phase.send_replace(Phase::WithoutWindow);
    }

    /// Takes no new messages, waits for the invocations that are running and deletes what succeeded. What was received and
    /// not yet sent to the function is visible to others at once.
    pub async fn stop(self) {
        self.phase.send_replace(Phase::Stopped);
        self.pollers.join_all().await;
    }
}
