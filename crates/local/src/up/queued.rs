//! Queued mode: a queue between POST and the database, and store-logs behind it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::database::Database;
use super::functions::{MAX_LOG_BYTES, function, log_file};
use super::{QueuedOptions, UpError, UpOptions};
use crate::event_source::{EventSource, EventSourceConfig};
use crate::lambda::{Function, log};
use crate::moto::{Moto, MotoOptions, REGION};
use crate::queue::{DEAD_LETTERS, Depth, NAME, Queue, Queues};
use crate::state::{QueueEndpoint, StateFolder};

/// As in the template.
const BATCH_SIZE: usize = 10_000;

/// How long stopping waits for the queue to be empty. What is left then is kept.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// How often the queue is looked at meanwhile, and how often its depth is said.
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

/// What was not stored when everything stopped; the next run in queued mode has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// In the queue.
    pub messages: usize,
    /// In the dead-letter queue.
    pub dead_letters: usize,
}

impl Queued {
    /// Makes the queues, with what an earlier run left in them. Nothing is polled yet.
    pub(super) async fn start(
        options: &UpOptions,
        mode: &QueuedOptions,
        state: &StateFolder,
        database: &Database,
    ) -> Result<Self, UpError> {
        let logs = state.logs();
        let moto_log = log_file(&logs, "moto");
        // It says little, so once for each start is enough.
        log::rotate(&moto_log, MAX_LOG_BYTES)?;
        let messages = database.messages(state);
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
        let store_logs = function(&options, &logs, "store-logs", &[("DATABASE_URL", database.url())])?;
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

    /// From now on what is in the queue is stored.
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

    /// The queue that POST sends to.
    pub(super) fn queue(&self) -> &Queue {
        &self.queues.queue
    }

    /// Where SQS is.
    pub(super) fn endpoint_url(&self) -> &str {
        self.moto.url()
    }

    /// Returns only when moto has ended by itself.
    pub(super) async fn ended(&mut self) -> UpError {
        if self.moto.ended().await { UpError::QueueStopped } else { UpError::QueueEnded(self.moto_log.clone()) }
    }

    /// Without a database nothing can be stored, and each try counts.
    pub(super) fn stop_polling(&mut self) {
        self.event_source = None;
    }

    /// Has store-logs store what is in the queue, up to a limit; then nothing is polled any more.
    pub(super) async fn drain(&mut self, progress: &impl Fn(&str)) {
        let Some(event_source) = self.event_source.take() else { return };
        event_source.end_windows();
        let _ = timeout(DRAIN_LIMIT, self.until_empty(progress)).await;
        event_source.stop().await;
    }

    /// Ends everything. What is in the queue, and what is at work, is kept for the next run.
    pub(super) async fn stop(mut self) -> Result<Kept, UpError> {
        drop(self.event_source.take());
        self.store_logs.stop().await;
        let counts = self.moto.stop().await?;
        let count = |name| counts.get(name).copied().unwrap_or(0);
        Ok(Kept { messages: count(NAME), dead_letters: count(DEAD_LETTERS) })
    }

    /// Returns when the queue is empty, or does not answer any more.
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
