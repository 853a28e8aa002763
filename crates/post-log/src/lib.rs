//! POST /logs: a batch of error codes is read, stored and acknowledged.
//!
//! Body → [`Batch`] → one INSERT, or one transaction with the ledger if there is an [`IdempotencyKey`] → [`Receipt`]. In
//! queued mode: → [`Message`] → SQS → [`Receipt`]; store-logs does the rest. What is refused is refused before the
//! database or the queue is asked.

mod queue;

use std::time::Duration;

use http::StatusCode;
use logs_core::metrics::{Metric, Metrics};
use logs_core::mysql::{Insertion, Store, StoreError};
use logs_core::settings::{DatabaseSettings, Lookup};
use logs_core::{Batch, BodyError, IdempotencyKey, Message, Receipt, clock, listed};
pub use queue::{Queue, QueueError};
use rest_proxy::{Answer, Problem, Request};

/// The function.
#[derive(Debug)]
pub struct PostLog {
    /// Where the logs go.
    pub destination: Destination,
    /// When they were received: the time since 1970.
    pub clock: fn() -> Duration,
    /// What CloudWatch counts.
    pub metrics: Metrics,
}

/// Where the logs go.
#[derive(Debug)]
pub enum Destination {
    /// Direct mode: 200 when committed.
    Database(Box<Store>),
    /// Queued mode: 202 when SQS has them.
    Queue(Queue),
}

impl Destination {
    /// The queue that `QUEUE_URL` names; without it the database, connected ahead of the first event.
    pub async fn from_environment(lookup: Lookup<'_>) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(queue) = Queue::from_environment(lookup).await? {
            return Ok(Self::Queue(queue));
        }
        let store = Store::new(&DatabaseSettings::from_environment(lookup)?);
        store.warm_up().await?;
        Ok(Self::Database(Box::new(store)))
    }
}

impl PostLog {
    /// Answers one POST.
    pub async fn handle(&self, request: &Request) -> Answer {
        let body = match &request.body {
            Ok(body) => body,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string(), request),
        };
        let key = match idempotency_key(request) {
            Ok(key) => key,
            Err(detail) => return refuse(StatusCode::BAD_REQUEST, &detail, request),
        };
        let batch = match Batch::parse(body) {
            Ok(batch) => batch,
            Err(error) => return self.refuse_body(&error, request),
        };
        match &self.destination {
            Destination::Database(store) => self.store(store, key.as_ref(), &batch, request).await,
            Destination::Queue(queue) => self.send(queue, key, &batch, request).await,
        }
    }

    async fn store(&self, store: &Store, key: Option<&IdempotencyKey>, batch: &Batch, request: &Request) -> Answer {
        let received_at = clock::seconds((self.clock)());
        let insertion = match key {
            Some(key) => store.insert_once(key, batch, received_at, request.deadline).await,
            None => store.insert(&batch.logs, received_at, request.deadline).await.map(|()| Insertion::Stored),
        };
        match insertion {
            Ok(Insertion::Stored) => Answer::ok(&self.acknowledge(batch, "stored", false, request)),
            Ok(Insertion::Duplicate) => Answer::ok(&self.acknowledge(batch, "stored before", true, request)),
            Ok(Insertion::KeyReused) => refuse(StatusCode::UNPROCESSABLE_ENTITY, KEY_REUSED, request),
            Err(StoreError::KeyInFlight) => in_flight(request),
            Err(error) => out_of_reach(&error, batch, request),
        }
    }

    async fn send(&self, queue: &Queue, key: Option<IdempotencyKey>, batch: &Batch, request: &Request) -> Answer {
        let now = (self.clock)();
        let key = key.unwrap_or_else(|| IdempotencyKey::unique(now));
        let Some(message) = Message::encode(batch, &key, clock::seconds(now)) else {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, NO_MESSAGE, request);
        };
        match queue.send(message, request.deadline).await {
            Ok(()) => Answer::accepted(&self.acknowledge(batch, "queued", false, request)),
            Err(error) => {
                tracing::error!(%error, records = batch.logs.len(), "not acknowledged");
                Answer::out_of_reach(&request.id)
            }
        }
    }

    fn acknowledge<'a>(&self, batch: &'a Batch, what: &str, duplicate: bool, request: &'a Request) -> Receipt<'a> {
        let (accepted, rejected) = (batch.logs.len(), batch.rejected);
        tracing::info!(accepted, rejected, duplicate, "{what}");
        self.count(if duplicate { 0 } else { accepted }, rejected, duplicate);
        Receipt::of(batch, duplicate, &request.id)
    }

    /// Records that are new, records that are wrong, and batches that had come before.
    fn count(&self, accepted: usize, rejected: usize, duplicate: bool) {
        self.metrics.write(&[
            Metric::Count("Accepted", accepted),
            Metric::Count("Rejected", rejected),
            Metric::Count("Duplicates", usize::from(duplicate)),
        ]);
    }

    fn refuse_body(&self, error: &BodyError, request: &Request) -> Answer {
        let status = match error {
            BodyError::TooLarge | BodyError::TooManyRecords(_) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        match error {
            BodyError::EveryRecordWrong(faults) => {
                let rejected = faults.last().map_or(0, |last| last.index + 1);
                tracing::info!(accepted = 0, rejected, "refused");
                self.count(0, rejected, false);
                let detail = error.to_string();
                Answer::problem(&Problem::new(status, &detail, &request.id).with_errors(listed(faults)))
            }
            _ => refuse(status, &error.to_string(), request),
        }
    }
}

const KEY_REUSED: &str = "this Idempotency-Key was used for another batch; use a new key for each batch";

/// Half a million of two characters that SQS does not carry as they are: an attack, or a device gone mad.
const NO_MESSAGE: &str = "the batch does not fit a message of the queue; send smaller batches";

fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, String> {
    match &request.idempotency_keys[..] {
        [] => Ok(None),
        [key] => IdempotencyKey::parse(key).map(Some).map_err(|error| error.to_string()),
        _ => Err("there is more than one Idempotency-Key; send one".to_owned()),
    }
}

fn in_flight(request: &Request) -> Answer {
    tracing::warn!("another request with the same key may be at work, or the ledger is locked");
    let detail = "another request with this Idempotency-Key may be at work; send the request again";
    Answer::problem(&Problem::new(StatusCode::CONFLICT, detail, &request.id)).with("retry-after", "1".to_owned())
}

fn out_of_reach(error: &StoreError, batch: &Batch, request: &Request) -> Answer {
    let records = batch.logs.len();
    tracing::error!(%error, records, ambiguous = error.is_ambiguous(), "not acknowledged");
    Answer::out_of_reach(&request.id)
}

fn refuse(status: StatusCode, detail: &str, request: &Request) -> Answer {
    tracing::info!(status = status.as_u16(), detail, "refused");
    Answer::problem(&Problem::new(status, detail, &request.id))
}
