//! A client that keeps the rules of `docs/devices.md`: it sends a batch until an answer says to forget it. It waits
//! shorter than it should, so that more happens: tens of milliseconds, whatever `Retry-After` says.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::batch::{Batch, Batches, Manner};
use crate::client::{Api, Meaning, NoAnswer, Sent, Tally};

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
pub(crate) struct Settled {
    pub(crate) batch: Batch,
    /// How many requests went out.
    pub(crate) requests: u32,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By the first request that stored the batch, or by one after it.
    Acknowledged {
        is_first: bool,
    },
    Refused,
    /// The time was over, or the answer wrong.
    Open,
}

/// What all clients share.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) api: Api,
    /// Whether a queue acknowledges.
    pub(crate) queued: bool,
    pub(crate) tally: Arc<Tally>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) acknowledged: mpsc::UnboundedSender<Acknowledged>,
}

/// Sends batches until the phase says to stop; they are what it gives back, in order.
pub(crate) async fn run(mut client: Client, mut batches: Batches, mut jitter: Rng) -> Vec<Settled> {
    let mut all = Vec::new();
    while *client.phase.borrow() == Phase::Sending {
        let batch = batches.next();
        let pause = batch.pause;
        all.push(client.settle(batch, &mut jitter).await);
        let _ = timeout(pause, client.phase.wait_for(|phase| *phase != Phase::Sending)).await;
    }
    all
}

impl Client {
    async fn settle(&mut self, batch: Batch, jitter: &mut Rng) -> Settled {
        let body = batch.body();
        let mut phase = self.phase.clone();
        let mut requests = 0;
        let sending = async {
            let mut manner = batch.manner;
            loop {
                requests += if manner == Manner::Twice { 2 } else { 1 };
                let outcome = match manner {
                    Manner::Twice => self.post_twice(&batch, &body).await,
                    Manner::HangingUp(after) => {
                        let outcome = timeout(after, self.post(&batch, &body)).await;
                        outcome.inspect_err(|_| self.tally.hung_up()).ok().flatten()
                    }
                    Manner::Plainly | Manner::UnderUsedKey => self.post(&batch, &body).await,
                };
                if let Some(outcome) = outcome {
                    return outcome;
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
        Settled { batch, requests, outcome }
    }

    /// Two requests at once. At most one of them may be the first.
    async fn post_twice(&self, batch: &Batch, body: &str) -> Option<Outcome> {
        let (one, other) = tokio::join!(self.post(batch, body), self.post(batch, body));
        // The queue asks no ledger: both are told false.
        if !self.queued && one == other && one == Some(Outcome::Acknowledged { is_first: true }) {
            self.error(batch, "two answers of 200, both with \"duplicate\":false");
        }
        one.or(other)
    }

    /// One request. What it says of the batch, if that is to be forgotten.
    async fn post(&self, batch: &Batch, body: &str) -> Option<Outcome> {
        let sent = Instant::now();
        let answer = match self.api.post(batch.key.as_deref(), body).await {
            Ok(answer) => answer,
            Err(NoAnswer::Broken(_)) => {
                self.tally.broken();
                return None;
            }
            Err(overdue) => {
                self.tally.error(overdue.to_string());
                return None;
            }
        };
        self.tally.answered(answer.status);
        let (has_key, under_used_key) = (batch.key.is_some(), batch.manner == Manner::UnderUsedKey);
        match answer.meaning(Sent { codes: batch.size, has_key, under_used_key, queued: self.queued }) {
            Ok(Meaning::Stored { duplicate }) => {
                // Nobody may be waiting any more.
                let _ = self.acknowledged.send(Acknowledged { client: batch.client, sent, answered: Instant::now() });
                Some(Outcome::Acknowledged { is_first: !duplicate })
            }
            Ok(Meaning::Refused) => Some(Outcome::Refused),
            Ok(Meaning::SendAgain(_)) => None,
            Err(what) => {
                self.error(batch, &what);
                Some(Outcome::Open)
            }
        }
    }

    fn error(&self, batch: &Batch, what: &str) {
        self.tally.error(format!("{}: {what}", batch.record(0).device_id));
    }
}
