//! A client that keeps the rules of `docs/devices.md`: it sends a batch until an answer says to forget it. It waits
//! shorter than it should, so that more happens: tens of milliseconds, whatever `Retry-After` says.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::answer::{self, Meaning};
use crate::chaos::batch::{Batch, Batches, Manner};
use crate::chaos::tally::Tally;

/// How long a device waits for an answer; the gateway gives up after 29 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// The limits of the random wait before the second and before every later try.
const WAIT_MS: [u64; 2] = [30, 120];

/// What the clients are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Sending,
    /// No new batches.
    Finishing,
    /// Leave it at that.
    GivingUp,
}

/// A POST was answered with 200, or in queued mode with 202.
pub(crate) struct Acknowledged {
    pub(crate) client: usize,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// A batch, and what the client knows of it at the end.
pub(crate) struct Sent {
    pub(crate) batch: Batch,
    /// How many requests went out.
    pub(crate) requests: u32,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    Refused,
    /// The time was over, or the answer wrong.
    Open,
}

/// An answer after which a batch is forgotten.
struct Heard {
    outcome: Outcome,
    /// It says that no earlier request stored the batch.
    is_first: bool,
}

/// What all clients share.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) api_key: String,
    /// Whether a queue acknowledges, with 202.
    pub(crate) queued: bool,
    pub(crate) tally: Arc<Tally>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) acknowledged: mpsc::UnboundedSender<Acknowledged>,
}

/// Sends batches until the phase says to stop; they are what it gives back, in order.
pub(crate) async fn run(mut target: Target, mut batches: Batches, mut jitter: Rng) -> Vec<Sent> {
    let mut all = Vec::new();
    while *target.phase.borrow() == Phase::Sending {
        let batch = batches.next();
        let pause = batch.pause;
        all.push(target.settle(batch, &mut jitter).await);
        let _ = timeout(pause, target.phase.wait_for(|phase| *phase != Phase::Sending)).await;
    }
    all
}

impl Target {
    async fn settle(&mut self, batch: Batch, jitter: &mut Rng) -> Sent {
        let body = batch.body();
        let mut phase = self.phase.clone();
        let mut requests = 0;
        let sending = async {
            let mut manner = batch.manner;
            loop {
                let heard = match manner {
                    Manner::Twice => {
                        requests += 2;
                        self.post_twice(&batch, &body).await
                    }
                    Manner::HangingUp(after) => {
                        requests += 1;
                        let heard = timeout(after, self.post(&batch, &body)).await;
                        heard.unwrap_or_else(|_| {
                            self.tally.hung_up();
                            None
                        })
                    }
                    Manner::Plainly | Manner::UnderUsedKey => {
                        requests += 1;
                        self.post(&batch, &body).await
                    }
                };
                if let Some(heard) = heard {
                    return heard.outcome;
                }
                let limit = WAIT_MS[usize::from(manner == Manner::Plainly)];
                manner = Manner::Plainly;
                sleep(Duration::from_millis(jitter.u64(5..=limit))).await;
            }
        };
        let outcome = tokio::select! {
            outcome = sending => outcome,
            _ = phase.wait_for(|phase| *phase == Phase::GivingUp) => Outcome::Open,
        };
        Sent { batch, requests, outcome }
    }

    /// Two requests at once. At most one of them may be the first.
    async fn post_twice(&self, batch: &Batch, body: &str) -> Option<Heard> {
        let (one, other) = tokio::join!(self.post(batch, body), self.post(batch, body));
        let is_first = |heard: &Option<Heard>| heard.as_ref().is_some_and(|heard| heard.is_first);
        // The queue asks no ledger: both are told false.
        if !self.queued && is_first(&one) && is_first(&other) {
            self.tally.wrong(format!("{}: two answers of 200, both with \"duplicate\":false", batch.record(0).0));
        }
        one.or(other)
    }

    /// One request. What it says of the batch, if that is to be forgotten.
    async fn post(&self, batch: &Batch, body: &str) -> Option<Heard> {
        let sent = Instant::now();
        let mut request = self.http.post(&self.url).header("x-api-key", &self.api_key).body(body.to_owned());
        if let Some(key) = &batch.key {
            request = request.header("idempotency-key", key);
        }
        let whole_answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
        };
        let (status, headers, bytes) = match timeout(ANSWER_LIMIT, whole_answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                self.tally.broken();
                return None;
            }
            Err(_) => {
                self.tally.wrong(format!("no answer within {} s", ANSWER_LIMIT.as_secs()));
                return None;
            }
        };
        self.tally.answer(status);
        match answer::read(batch, self.queued, status, &headers, &bytes) {
            Ok(Meaning::Stored { duplicate }) => {
                let answered = Instant::now();
                // Nobody may be waiting any more.
                let _ = self.acknowledged.send(Acknowledged { client: batch.client, sent, answered });
                Some(Heard { outcome: Outcome::Acknowledged, is_first: !duplicate })
            }
            Ok(Meaning::Refused) => Some(Heard { outcome: Outcome::Refused, is_first: false }),
            Ok(Meaning::SendAgain) => None,
            Err(what) => {
                self.tally.wrong(format!("{}: {what}", batch.record(0).0));
                Some(Heard { outcome: Outcome::Open, is_first: false })
            }
        }
    }
}
