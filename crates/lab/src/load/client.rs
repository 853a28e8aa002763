//! Clients that send one batch after the other, as fast as they are answered, and keep the rules of `docs/devices.md`: a
//! key for each batch, and again after throttling.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::error::LabError;
use crate::load::answer::{self, Meaning, Tally};
use crate::load::codes;
use crate::load::service::Service;

/// How long a device waits for an answer; the gateway gives up after 29 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// A batch that is not accepted after so long is left at that; what is accepted is counted all the same.
const GIVE_UP: Duration = Duration::from_mins(1);

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
pub(crate) struct Sent {
    /// Microseconds from sending a batch to the answer that accepted it; what was throttled before is left out.
    pub(crate) times: Histogram<u64>,
    /// From the first batch to the last answer.
    pub(crate) took: Duration,
}

/// The batches that were accepted and have not been seen in the ledger, each with the moment of its answer.
pub(crate) type Open = Arc<Mutex<HashMap<String, Instant>>>;

#[derive(Clone)]
struct Target {
    http: reqwest::Client,
    url: String,
    api_key: String,
    accepted_status: u16,
    tally: Arc<Tally>,
    open: Open,
}

/// Sends all of it. `tally` and `open` can be looked at meanwhile.
pub(crate) async fn send(service: &Service, work: Work, tally: &Arc<Tally>, open: &Open) -> Result<Sent, LabError> {
    let target = Target {
        http: reqwest::Client::builder().no_proxy().build()?,
        url: service.url(),
        api_key: service.api_key.clone(),
        accepted_status: service.mode.accepted(),
        tally: tally.clone(),
        open: open.clone(),
    };
    let body: Arc<str> = codes::body(work.codes_per_batch).into();
    let begun = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..work.clients {
        clients.spawn(run(target.clone(), work, body.clone(), begun.clone(), started));
    }
    let mut times = histogram()?;
    for client in clients.join_all().await {
        times.add(client?).map_err(|error| LabError::Histogram(error.to_string()))?;
    }
    Ok(Sent { times, took: started.elapsed() })
}

/// As many moments as there are.
pub(crate) fn lock(open: &Open) -> MutexGuard<'_, HashMap<String, Instant>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

fn histogram() -> Result<Histogram<u64>, LabError> {
    Histogram::new(3).map_err(|error| LabError::Histogram(error.to_string()))
}

async fn run(
    target: Target,
    work: Work,
    body: Arc<str>,
    begun: Arc<AtomicUsize>,
    started: Instant,
) -> Result<Histogram<u64>, LabError> {
    let mut times = histogram()?;
    while started.elapsed() < work.sending && begun.fetch_add(1, Ordering::Relaxed) < work.batches {
        if let Some(took) = target.settle(&body, work.codes_per_batch).await {
            let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            times.record(microseconds).map_err(|error| LabError::Histogram(error.to_string()))?;
        }
    }
    Ok(times)
}

impl Target {
    /// How long the answer took that accepted the batch.
    async fn settle(&self, body: &Arc<str>, codes: usize) -> Option<Duration> {
        let key = uuid::Uuid::now_v7().to_string();
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP {
            let sent = Instant::now();
            match self.post(&key, body, codes).await {
                Ok(Meaning::Accepted) => {
                    lock(&self.open).insert(key, Instant::now());
                    return Some(sent.elapsed());
                }
                Ok(Meaning::Throttled(wait)) => sleep(wait).await,
                Err(what) => sleep(self.tally.error(what)).await,
            }
        }
        None
    }

    async fn post(&self, key: &str, body: &Arc<str>, codes: usize) -> Result<Meaning, String> {
        let request = self.http.post(&self.url).header("x-api-key", &self.api_key).header("idempotency-key", key);
        let whole_answer = async {
            let response = request.body(body.to_string()).send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
        };
        let answer = timeout(ANSWER_LIMIT, whole_answer).await.map_err(|_| "no answer in time".to_owned())?;
        let (status, headers, bytes) = answer.map_err(|error| format!("the connection broke: {error}"))?;
        self.tally.answered(status);
        answer::read(status, &headers, &bytes, self.accepted_status, codes)
    }
}
