//! Clients that send one batch after the other, as fast as they are answered. They keep the rules of `docs/devices.md`:
//! each batch has a key and is sent again after throttling.

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

/// How long a client tries to send one batch. The count of accepted codes stays right if it gives up.
const GIVE_UP: Duration = Duration::from_mins(1);

/// The pause after an undocumented answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Of the histogram of times.
const SIGNIFICANT_DIGITS: u8 = 3;

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) clients: usize,
    pub(crate) batches: usize,
    pub(crate) codes_per_batch: usize,
    /// When the clients begin no more batches.
    pub(crate) sending: Duration,
}

pub(crate) struct Outcome {
    /// Microseconds from sending a batch to the answer that accepted it, without earlier, throttled tries.
    times: Histogram<u64>,
    /// From the first batch to the last answer.
    pub(crate) took: Duration,
}

/// The progress of all clients.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    tally: Arc<Tally>,
    /// Accepted batches that were not yet seen in the store, by key, with the moment of the answer.
    open: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Ledger {
    pub(crate) fn answers(&self) -> Counts {
        self.tally.so_far()
    }

    /// The number of accepted codes.
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

/// Sends everything. The ledger can be read in the meantime.
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
    let mut times = Histogram::new(SIGNIFICANT_DIGITS)?;
    for client in clients.join_all().await {
        times.add(client?)?;
    }
    Ok(Outcome { times, took: started.elapsed() })
}

impl Client {
    async fn run(self) -> Result<Histogram<u64>, LabError> {
        let Work { batches, sending, .. } = self.work;
        let mut times = Histogram::new(SIGNIFICANT_DIGITS)?;
        while self.started.elapsed() < sending && self.begun.fetch_add(1, Ordering::Relaxed) < batches {
            if let Some(took) = self.settle().await {
                times.record(whole(took.as_micros()))?;
            }
        }
        Ok(times)
    }

    /// Sends a batch until it is accepted. Returns the time of that answer.
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

    /// Returns how long to wait before the next try; `None` if the batch is accepted. Only documented throttling may delay
    /// a batch.
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
