//! POST /logs: reads a batch of error codes, stores it, and acknowledges it.
//!
//! Body → [`Batch`] → one INSERT, or one transaction with the ledger if there is an [`IdempotencyKey`] → [`Receipt`]. In
//! queued mode: → [`Message`] → SQS → [`Receipt`]; store-logs does the rest. Bad input is refused before the database or
//! the queue is asked. With `DEVICE_RATE`, a device that sends too much has to wait ([`DeviceRates`]).

mod destination;
mod device_rates;
mod error;
mod queue;

use std::mem;
use std::time::{Duration, Instant};

pub use destination::Destination;
pub use device_rates::DeviceRates;
use edge::{Handler, Response, json};
pub use error::PostError;
use http::{HeaderMap, StatusCode};
use lambda_http::{Body, Request};
use logs_core::metrics::{Metric, Metrics};
use logs_core::settings::Env;
use logs_core::{
    Batch, Deadline, IdempotencyKey, InsertOutcome, InvalidIdempotencyKey, Message, NewBatch, Receipt, Store, clock,
};
pub use queue::{Queue, QueueError};

/// The function.
#[derive(Debug)]
pub struct PostLog {
    /// Where the logs go.
    pub destination: Destination,
    /// How much a device may send; `None`: any number of codes.
    pub device_rates: Option<DeviceRates>,
    /// The time since 1970, which dates the logs.
    pub clock: fn() -> Duration,
    /// What CloudWatch counts.
    pub metrics: Metrics,
}

/// How a batch is acknowledged: the log line, the status.
struct Acknowledged {
    line: &'static str,
    status: StatusCode,
    duplicate: bool,
}

const STORED: Acknowledged = Acknowledged { line: "stored", status: StatusCode::OK, duplicate: false };
const STORED_BEFORE: Acknowledged = Acknowledged { line: "stored before", status: StatusCode::OK, duplicate: true };
const QUEUED: Acknowledged = Acknowledged { line: "queued", status: StatusCode::ACCEPTED, duplicate: false };

impl Handler for PostLog {
    async fn handle(&self, mut request: Request) -> Response {
        let body = mem::take(request.body_mut());
        match self.post(&request, body).await {
            Ok(response) => response,
            Err(error) => {
                error.log();
                self.count(error.counts());
                error.response(edge::request_id(&request))
            }
        }
    }
}

impl PostLog {
    /// Reads all settings, and connects ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        let device_rates = DeviceRates::from_environment(env)?;
        let destination = Destination::from_environment(env).await?;
        Ok(Self { destination, device_rates, clock: clock::since_epoch, metrics: Metrics::from_environment(env) })
    }

    async fn post(&self, request: &Request, body: Body) -> Result<Response, PostError> {
        let key = idempotency_key(request.headers())?;
        let batch = Batch::parse(&body)?;
        // Up to 1 MiB, which the statement needs next.
        drop(body);
        let deadline = edge::deadline(request);
        let over_rate = self.device_rates.as_ref().and_then(|rates| rates.over_rate(batch.logs(), Instant::now()));
        let (acknowledged, batch) = match over_rate {
            None => (self.keep(key.as_ref(), &batch, deadline).await?, batch),
            Some(over_rate) => match over_rate.rest(&batch) {
                Some(rest) if key.is_none() => (self.keep(None, &rest, deadline).await?, rest),
                // A batch with a key is stored whole or not at all: a client that lost the response could not know
                // which records to send again. A batch that was stored before is acknowledged, whatever the rates of
                // its devices.
                rest => match self.find(key.as_ref(), &batch, deadline).await? {
                    Some(found) => (found, batch),
                    None => return Err(PostError::over_rate(&batch, rest, over_rate.seconds())),
                },
            },
        };
        let Acknowledged { line, status, duplicate } = acknowledged;
        let (accepted, rejected) = (batch.logs().len(), batch.rejected());
        tracing::info!(accepted, rejected, duplicate, "{line}");
        let mut metrics = counts(if duplicate { 0 } else { accepted }, rejected - batch.throttled(), duplicate);
        if let Some(rates) = &self.device_rates {
            let codes = if duplicate { 0 } else { rates.fill(batch.logs(), Instant::now()) };
            metrics.push(Metric::Count("CodesOfLargestDevice", codes));
            metrics.push(Metric::Count("Throttled", batch.throttled()));
        }
        self.count(metrics);
        Ok(json(status, &Receipt::of(&batch, duplicate, edge::request_id(request))))
    }

    async fn keep(
        &self,
        key: Option<&IdempotencyKey>,
        batch: &Batch,
        deadline: Deadline,
    ) -> Result<Acknowledged, PostError> {
        match &self.destination {
            Destination::Store(store) => self.store(store, key, batch, deadline).await,
            Destination::Queue(queue) => self.send(queue, key, batch, deadline).await,
        }
    }

    /// The ledger's outcome for a batch. `None` in queued mode, where sending a message twice does no harm.
    async fn find(
        &self,
        key: Option<&IdempotencyKey>,
        batch: &Batch,
        deadline: Deadline,
    ) -> Result<Option<Acknowledged>, PostError> {
        let (Destination::Store(store), Some(key)) = (&self.destination, key) else { return Ok(None) };
        let failed = |error| PostError::Store { error, records: batch.logs().len() };
        let batch = NewBatch::new(key, batch, clock::seconds((self.clock)()));
        store.find_batch(batch, deadline).await.map_err(failed)?.map(acknowledged).transpose()
    }

    async fn store(
        &self,
        store: &Store,
        key: Option<&IdempotencyKey>,
        batch: &Batch,
        deadline: Deadline,
    ) -> Result<Acknowledged, PostError> {
        let received_at = clock::seconds((self.clock)());
        let failed = |error| PostError::Store { error, records: batch.logs().len() };
        let Some(key) = key else {
            store.insert(batch.logs(), received_at, deadline).await.map_err(failed)?;
            return Ok(STORED);
        };
        acknowledged(store.insert_once(NewBatch::new(key, batch, received_at), deadline).await.map_err(failed)?)
    }

    async fn send(
        &self,
        queue: &Queue,
        key: Option<&IdempotencyKey>,
        batch: &Batch,
        deadline: Deadline,
    ) -> Result<Acknowledged, PostError> {
        let message = Message::encode(batch, key, (self.clock)()).ok_or(PostError::MessageTooLarge)?;
        let failed = |error| PostError::Queue { error, records: batch.logs().len() };
        queue.send(message, deadline).await.map_err(failed)?;
        Ok(QUEUED)
    }

    /// Writes these metrics and those of the store.
    fn count(&self, mut metrics: Vec<Metric>) {
        if let Destination::Store(store) = &self.destination {
            metrics.extend(store.take_metrics());
        }
        self.metrics.write(&metrics);
    }
}

fn acknowledged(outcome: InsertOutcome) -> Result<Acknowledged, PostError> {
    match outcome {
        InsertOutcome::Inserted => Ok(STORED),
        InsertOutcome::AlreadyInserted => Ok(STORED_BEFORE),
        InsertOutcome::KeyConflict => Err(PostError::KeyReused),
        InsertOutcome::KeyInFlight => Err(PostError::KeyInFlight),
    }
}

/// The metrics of a request: new records, rejected records, duplicate batches.
fn counts(accepted: usize, rejected: usize, duplicate: bool) -> Vec<Metric> {
    vec![
        Metric::Count("Accepted", accepted),
        Metric::Count("Rejected", rejected),
        Metric::Count("Duplicates", usize::from(duplicate)),
    ]
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, PostError> {
    let mut keys = headers.get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => {
            let key = key.to_str().map_err(|_| InvalidIdempotencyKey)?;
            Ok(Some(IdempotencyKey::parse(key)?))
        }
        (Some(_), Some(_)) => Err(PostError::SeveralKeys),
    }
}
