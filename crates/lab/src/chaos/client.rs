//! A client that keeps the rules of `docs/devices.md`: it sends a batch until an answer settles it. One exception: it
//! waits only tens of milliseconds, whatever `Retry-After` says, so that more happens in a run.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::batch::{Batch, Batches, Manner};
use crate::client::{Api, Meaning, NoAnswer, Sent, Tally};

/// Limits of the random wait: before the second try, and before each later one.
const WAIT_MS: [u64; 2] = [30, 120];

/// What the clients do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Sending,
    /// Settle the current batch, and begin no other.
    Finishing,
    /// Leave unsettled batches open.
    GivingUp,
}

/// A POST was answered with 200, or with 202 in queued mode.
pub(crate) struct Acknowledged {
    pub(crate) client: usize,
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
}

/// A batch, and its outcome as the client knows it.
pub(crate) struct Settled {
    pub(crate) batch: Batch,
    /// How many requests were sent.
    pub(crate) requests: u32,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged {
        /// Whether the answer said that no earlier request had stored the batch.
        is_first: bool,
    },
    Refused,
    /// Unknown: time was up, or the answer was wrong.
    Open,
}

/// The state that all clients share.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) api: Api,
    pub(crate) queued: bool,
    pub(crate) tally: Arc<Tally>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) acknowledged: mpsc::UnboundedSender<Acknowledged>,
}

/// Sends batches until the phase ends. Returns them in order.
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
        // In queued mode POST does not ask the ledger: both answers say "duplicate":false.
        if !self.queued && one == other && one == Some(Outcome::Acknowledged { is_first: true }) {
            self.error(batch, "two answers of 200, both with \"duplicate\":false");
        }
        one.or(other)
    }

    /// Sends one request. Returns the outcome if the answer settles the batch.
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
                // The receiver may be gone.
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
