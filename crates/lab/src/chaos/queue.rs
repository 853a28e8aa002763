//! Queued mode: moto plays SQS, and store-logs empties the queue as Lambda's event source mapping would have it.

use std::path::PathBuf;
use std::time::Duration;

use local::event_source::{EventSource, EventSourceConfig, Invocation};
use local::lambda::{Function, FunctionConfig};
use local::moto::{KEY, Moto, MotoOptions, REGION};
use local::queue::{Queues, RedrivePolicy};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::recovery;
use crate::error::LabError;

/// What store-logs may take: less than in production, so that a fault that outlasts it fits in more often.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(8);

/// More than the timeout, so that no message is delivered while its first delivery is still at work.
const VISIBILITY_TIMEOUT: u32 = 10;

/// As in production. No message may be given up for what is only a fault.
const MAX_RECEIVE_COUNT: u32 = 20;

/// How many environments empty the queue.
const CONCURRENCY: usize = 2;

/// How long the queue may take to become empty after the last fault.
const DRAIN_LIMIT: Duration = Duration::from_mins(3);

/// What there is in queued mode beside the rest.
pub(crate) struct QueuedTestbed {
    pub(crate) moto: Moto,
    pub(crate) queues: Queues,
    pub(crate) function: Function,
    event_source: EventSource,
    invocations: mpsc::UnboundedReceiver<Invocation>,
}

impl QueuedTestbed {
    /// `url` is that of the database; logs go to `folder`.
    pub(crate) async fn start(program: PathBuf, folder: &std::path::Path, url: String) -> Result<Self, LabError> {
        let log_file = folder.join("moto.log");
        let moto = Moto::start(&MotoOptions { log_file: Some(&log_file), ..MotoOptions::default() }).await?;
        let policy = RedrivePolicy { visibility_timeout: VISIBILITY_TIMEOUT, max_receive_count: MAX_RECEIVE_COUNT };
        let queues = Queues::create(moto.url(), REGION, policy).await?;
        let function = Function::new(FunctionConfig {
            name: "store-logs".to_owned(),
            program,
            variables: vec![("DATABASE_URL".to_owned(), url)],
            timeout: FUNCTION_TIMEOUT,
            concurrency: CONCURRENCY,
            log_file: folder.join("store-logs.log"),
        });
        let (sender, invocations) = mpsc::unbounded_channel();
        let event_source = EventSource::start(&EventSourceConfig {
            queue: queues.queue.clone(),
            function: function.clone(),
            batch_size: 10_000,
            window: Duration::from_millis(200),
            maximum_concurrency: CONCURRENCY,
            invocations: Some(sender),
        });
        Ok(Self { moto, queues, function, event_source, invocations })
    }

    /// What post-log needs to find the queue.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("QUEUE_URL", self.queues.queue.url()),
            ("AWS_ENDPOINT_URL_SQS", self.moto.url()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Waits until something is stored again, and says when that was; `None` if it takes too long.
    pub(crate) async fn stored(&mut self) -> Option<Instant> {
        while self.invocations.try_recv().is_ok() {}
        let stored = async {
            loop {
                let Invocation { messages, failed, .. } = self.invocations.recv().await?;
                if failed < messages {
                    return Some(Instant::now());
                }
            }
        };
        timeout(recovery::LIMIT, stored).await.ok().flatten()
    }

    /// Waits until all messages are stored or dead, and ends it all. How many are dead.
    pub(crate) async fn drain(self) -> Result<usize, LabError> {
        let started = Instant::now();
        while self.queues.queue.depth().await?.all() > 0 {
            if started.elapsed() > DRAIN_LIMIT {
                return Err(LabError::NeverEmpty);
            }
            sleep(Duration::from_millis(100)).await;
        }
        let dead = self.queues.dead_letters.depth().await?.all();
        self.event_source.stop().await;
        self.function.stop().await;
        Ok(dead)
    }
}
