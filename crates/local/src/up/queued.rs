//! Queued mode: a queue between POST and the database, and store-logs behind it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::error::UpError;
use super::functions::{MAX_LOG_BYTES, function, log_file};
use super::options::{QueuedOptions, UpOptions};
use super::store::LocalStore;
use crate::event_source::{EventSource, EventSourceConfig};
use crate::lambda::{Function, log};
use crate::moto::{Moto, MotoOptions, REGION};
use crate::queue::{DEAD_LETTERS, Depth, NAME, Queues};
use crate::state::{QueueEndpoint, StateFolder};

/// As in the template.
const BATCH_SIZE: usize = 10_000;

/// How long stopping waits for an empty queue. The rest is kept for the next run.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How often the depth of the queue is read meanwhile, and how often it is reported.
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
const DRAIN_REPORT: Duration = Duration::from_secs(2);

/// The queue, running.
pub(super) struct Queued {
    moto: Moto,
    moto_log: PathBuf,
    queues: Queues,
    store_logs: Function,
    event_source: Option<EventSource>,
    source: EventSourceConfig,
}

/// Messages that were not stored at the stop; the next run in queued mode delivers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// In the queue.
    pub messages: usize,
    /// In the dead-letter queue.
    pub dead_letters: usize,
}

impl Queued {
    /// Makes the queues, with the messages that an earlier run left. Nothing is polled yet.
    pub(super) async fn start(
        options: &UpOptions,
        mode: &QueuedOptions,
        state: &StateFolder,
        store: &LocalStore,
    ) -> Result<Self, UpError> {
        let logs = state.logs();
        let moto_log = log_file(&logs, "moto");
        // It writes little: once per start is enough.
        log::rotate(&moto_log, MAX_LOG_BYTES)?;
        let messages = store.messages(state);
        let moto_options = MotoOptions {
            python: Some(&mode.moto_python),
            messages: Some(&messages),
            log_file: Some(&moto_log),
            denied: &[],
        };
        let moto = Moto::start(&moto_options).await?;
        let queues = Queues::create(moto.url(), REGION, mode.redrive_policy).await?;
        let timeout = mode.timeout().map_err(UpError::VisibilityTimeout)?;
        // A batch needs the whole environment.
        let options =
            UpOptions { concurrency: mode.concurrency, events_per_environment: 1, timeout, ..options.clone() };
        let store_logs = function(&options, &logs, "store-logs", &store.settings())?;
        let source = EventSourceConfig {
            queue: queues.queue.clone(),
            function: store_logs.clone(),
            batch_size: BATCH_SIZE,
            window: mode.batch_window,
            maximum_concurrency: mode.concurrency,
            invocations: None,
        };
        Ok(Self { moto, moto_log, queues, store_logs, event_source: None, source })
    }

    /// Starts storing what is in the queue.
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

    /// Settings of a function that sends to the queue.
    pub(super) fn sender_settings(&self) -> [(&'static str, String); 5] {
        self.queues.sender_settings(&self.moto)
    }

    /// Returns when moto has exited.
    pub(super) async fn ended(&mut self) -> UpError {
        if self.moto.ended().await { UpError::QueueStopped } else { UpError::QueueEnded(self.moto_log.clone()) }
    }

    /// Stops polling: without a database every delivery fails, and each one counts as a receive.
    pub(super) fn stop_polling(&mut self) {
        self.event_source = None;
    }

    /// Stores what is in the queue, for a limited time; then stops polling.
    pub(super) async fn drain(&mut self, progress: &impl Fn(&str)) {
        let Some(event_source) = self.event_source.take() else { return };
        event_source.end_windows();
        let _ = timeout(DRAIN_LIMIT, self.until_empty(progress)).await;
        event_source.stop().await;
    }

    /// Stops everything. Messages in the queue or in flight are kept for the next run.
    pub(super) async fn stop(mut self) -> Result<Kept, UpError> {
        drop(self.event_source.take());
        self.store_logs.stop().await;
        let counts = self.moto.stop().await?;
        let count = |name| counts.get(name).copied().unwrap_or(0);
        Ok(Kept { messages: count(NAME), dead_letters: count(DEAD_LETTERS) })
    }

    /// Returns when the queue is empty, or no longer answers.
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
