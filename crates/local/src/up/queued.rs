//! Queued mode: a queue between POST and the database, and store-logs behind it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::functions::{Limits, MAX_LOG_BYTES, function, log_file};
use super::options::{QueueOptions, QueuedOptions};
use super::store::LocalStore;
use crate::Failure;
use crate::event_source::{EventSource, EventSourceConfig};
use crate::lambda::{Function, log};
use crate::moto::{Moto, MotoOptions, REGION};
use crate::queue::{DEAD_LETTERS, Depth, NAME, Queues, RedrivePolicy};
use crate::state::{QueueEndpoint, StateFolder};

/// As in the template.
const BATCH_SIZE: usize = 10_000;

/// How long a stop waits for an empty queue. The rest is kept for the next run.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How often to read the depth of the queue in the meantime, and how often to report it.
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
const DRAIN_REPORT: Duration = Duration::from_secs(2);

/// The running queue, with store-logs.
pub(super) struct Queued {
    moto: Moto,
    moto_log: PathBuf,
    queues: Queues,
    store_logs: Function,
    event_source: Option<EventSource>,
    source: EventSourceConfig,
}

/// The numbers of messages that are not stored at the stop. The next run in queued mode delivers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub messages: usize,
    pub dead_letters: usize,
}

impl Queued {
    /// Creates the queues, with the messages that an earlier run left. Polls nothing yet.
    pub(super) async fn start(
        functions: &Path,
        options: &QueuedOptions,
        state: &StateFolder,
        store: &LocalStore,
    ) -> Result<Self, Failure> {
        let logs = state.logs();
        let moto_log = log_file(&logs, "moto");
        // Once per start is enough: moto writes little.
        log::rotate(&moto_log, MAX_LOG_BYTES)?;
        let messages = store.messages(state);
        let moto_options = MotoOptions {
            python: Some(&options.moto_python),
            messages: Some(&messages),
            log_file: Some(&moto_log),
            denied: &[],
        };
        let moto = Moto::start(&moto_options).await?;
        let QueueOptions { batch_window, queue_concurrency, max_receive_count, visibility_timeout } = options.queue;
        let policy = RedrivePolicy { visibility_timeout, max_receive_count };
        let queues = Queues::create(moto.url(), REGION, policy).await?;
        // A batch takes a whole environment.
        let limits = Limits::one_event(queue_concurrency, options.queue.timeout()?);
        let store_logs = function(functions, &logs, "store-logs", &store.settings(), limits)?;
        let source = EventSourceConfig {
            queue: queues.queue.clone(),
            function: store_logs.clone(),
            batch_size: BATCH_SIZE,
            window: Duration::from_secs(batch_window.into()),
            maximum_concurrency: queue_concurrency.into(),
            invocations: None,
        };
        Ok(Self { moto, moto_log, queues, store_logs, event_source: None, source })
    }

    /// Starts storing the messages in the queue.
    pub(super) fn poll(&mut self) {
        self.event_source = Some(EventSource::start(&self.source));
    }

    /// For `endpoints.json`.
    pub(super) fn endpoint(&self) -> QueueEndpoint {
        QueueEndpoint {
            url: self.queues.queue.url().to_owned(),
            dead_letter_url: self.queues.dead_letters.url().to_owned(),
            endpoint: self.moto.url().to_owned(),
            region: REGION.to_owned(),
        }
    }

    /// The settings of a function that sends to the queue.
    pub(super) fn sender_settings(&self) -> [(&'static str, String); 5] {
        self.queues.sender_settings(&self.moto)
    }

    /// Returns when moto has exited. If it did not save its messages, those that were accepted and not stored are lost.
    pub(super) async fn ended(&mut self) -> Failure {
        if self.moto.ended().await {
            return "moto, which plays the queue, was ended by somebody else; the next ./dev up --queued has its messages"
                .into();
        }
        let log = self.moto_log.display();
        format!("moto, which plays the queue, ended, and with it the messages that it had; {log} says why").into()
    }

    /// Stops polling. Without a database every delivery would fail, and count towards the dead-letter limit.
    pub(super) fn stop_polling(&mut self) {
        self.event_source = None;
    }

    /// Stores the messages in the queue, for a limited time; then stops polling.
    pub(super) async fn drain(&mut self, progress: &impl Fn(&str)) {
        let Some(event_source) = self.event_source.take() else { return };
        event_source.end_windows();
        let _ = timeout(DRAIN_LIMIT, self.until_empty(progress)).await;
        event_source.stop().await;
    }

    /// Stops everything. Messages in the queue or in flight are kept for the next run.
    pub(super) async fn stop(mut self) -> Result<Kept, Failure> {
        drop(self.event_source.take());
        self.store_logs.stop().await;
        let counts = self.moto.stop().await?;
        let count = |name| counts.get(name).copied().unwrap_or(0);
        Ok(Kept { messages: count(NAME), dead_letters: count(DEAD_LETTERS) })
    }

    /// Waits until the queue is empty or no longer answers.
    async fn until_empty(&self, progress: &impl Fn(&str)) {
        let mut said = Instant::now();
        while let Ok(depth) = self.queues.queue.depth().await
            && depth.all() > 0
        {
            if said.elapsed() >= DRAIN_REPORT {
                said = Instant::now();
                progress(&left(depth));
            }
            sleep(DRAIN_PAUSE).await;
        }
    }
}

fn left(depth: Depth) -> String {
    let Depth { visible, in_flight } = depth;
    format!("storing what is in the queue: {visible} messages wait, {in_flight} are at work or wait to be tried again")
}
