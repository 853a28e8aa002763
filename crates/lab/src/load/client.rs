//! Clients that send one batch after the other, as fast as they are answered, and keep the rules of `docs/devices.md`: a
//! key for each batch, and again after throttling.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use logs_core::clock;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::{Api, Counts, Meaning, Sent, Tally};
use crate::codes::{body, collected};
use crate::error::LabError;
use crate::figures::{number, whole};
use crate::load::mode::{Mode, Running};

/// A batch that is not accepted after so long is left at that; what is accepted is counted all the same.
const GIVE_UP: Duration = Duration::from_mins(1);

/// After an answer that should not have been.
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) clients: usize,
    pub(crate) batches: usize,
    pub(crate) codes_per_batch: usize,
    /// No batch is begun later.
    pub(crate) sending: Duration,
}

/// What became of it.
pub(crate) struct Outcome {
    /// Microseconds from sending a batch to the answer that accepted it; what was throttled before is left out.
    times: Histogram<u64>,
    /// From the first batch to the last answer.
    pub(crate) took: Duration,
}

/// What clients have done so far; all of them write it.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    tally: Arc<Tally>,
    /// The batches that were accepted and have not been seen in the store, each with the moment of its answer.
    open: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Ledger {
    pub(crate) fn answers(&self) -> Counts {
        self.tally.so_far()
    }

    /// How many codes were accepted.
    pub(crate) fn codes(&self, codes_per_batch: usize) -> u64 {
        self.answers().accepted() * whole(codes_per_batch)
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    pub(crate) fn milliseconds(&self, quantile: f64) -> f64 {
        number(self.times.value_at_quantile(quantile)) / 1_000.0
    }
}

#[derive(Clone)]
struct Client {
    api: Api,
    sent: Sent,
    body: Arc<str>,
    ledger: Ledger,
    begun: Arc<AtomicUsize>,
    started: Instant,
    work: Work,
}

/// Sends all of it. The ledger can be looked at meanwhile.
pub(crate) async fn send(running: &Running, work: Work, ledger: &Ledger) -> Result<Outcome, LabError> {
    let codes = collected(work.codes_per_batch, clock::unix_seconds());
    let queued = running.mode == Mode::Queued;
    let started = Instant::now();
    let client = Client {
        api: running.service.client()?,
        sent: Sent { codes: work.codes_per_batch, has_key: true, under_used_key: false, queued },
        body: body(&codes).into(),
        ledger: ledger.clone(),
        begun: Arc::default(),
        started,
        work,
    };
    let clients: JoinSet<_> = (0..work.clients).map(|_| client.clone().run()).collect();
    let mut times = histogram()?;
    for client in clients.join_all().await {
        times.add(client?).map_err(|error| LabError::Histogram(error.to_string()))?;
    }
    Ok(Outcome { times, took: started.elapsed() })
}

fn histogram() -> Result<Histogram<u64>, LabError> {
    Histogram::new(3).map_err(|error| LabError::Histogram(error.to_string()))
}

impl Client {
    async fn run(self) -> Result<Histogram<u64>, LabError> {
        let Work { batches, sending, .. } = self.work;
        let mut times = histogram()?;
        while self.started.elapsed() < sending && self.begun.fetch_add(1, Ordering::Relaxed) < batches {
            if let Some(took) = self.settle().await {
                times.record(whole(took.as_micros())).map_err(|error| LabError::Histogram(error.to_string()))?;
            }
        }
        Ok(times)
    }

    /// How long the answer took that accepted the batch.
    async fn settle(&self) -> Option<Duration> {
        let key = uuid::Uuid::now_v7().to_string();
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP {
            let sent = Instant::now();
            match self.post(&key).await {
                Ok(None) => {
                    self.ledger.open().insert(key, Instant::now());
                    return Some(sent.elapsed());
                }
                Ok(Some(wait)) => sleep(wait).await,
                Err(what) => {
                    self.ledger.tally.error(what);
                    sleep(PAUSE).await;
                }
            }
        }
        None
    }

    /// How long to wait before sending again; `None` if the batch is accepted. Nothing but documented throttling may keep
    /// a batch from being accepted.
    async fn post(&self, key: &str) -> Result<Option<Duration>, String> {
        let answer = self.api.post(Some(key), &self.body).await.map_err(|error| error.to_string())?;
        self.ledger.tally.answered(answer.status);
        match (answer.meaning(self.sent)?, answer.status) {
            (Meaning::Stored { .. }, _) => Ok(None),
            (Meaning::SendAgain(Some(wait)), 429 | 502) => Ok(Some(wait)),
            _ => answer.wrong("is no throttling"),
        }
    }
}
