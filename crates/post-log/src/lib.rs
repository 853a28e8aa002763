//! POST /logs: a batch of error codes is read, stored and acknowledged.
//!
//! Body → [`Batch`] → one INSERT, or one transaction with the ledger if there is an [`IdempotencyKey`] → [`Receipt`]. What is refused is refused before the database is asked.

use http::StatusCode;
use logs_core::mysql::{Insertion, Store, StoreError};
use logs_core::{Batch, BodyError, IdempotencyKey, Receipt, listed};
use rest_proxy::{Answer, Problem, Request};

/// The function: a store, and a clock that gives Unix seconds.
#[derive(Debug)]
pub struct PostLog {
    /// Where the logs go.
    pub store: Store,
    /// When they were received.
    pub clock: fn() -> i64,
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
            Err(error) => return refuse_body(&error, request),
        };
        match self.insert(key.as_ref(), &batch, request).await {
            Ok(Insertion::Stored) => acknowledge(&batch, false, request),
            Ok(Insertion::Duplicate) => acknowledge(&batch, true, request),
            Ok(Insertion::KeyReused) => refuse(StatusCode::UNPROCESSABLE_ENTITY, KEY_REUSED, request),
            Err(StoreError::KeyInFlight) => in_flight(request),
            Err(error) => out_of_reach(&error, &batch, request),
        }
    }

    async fn insert(
        &self,
        key: Option<&IdempotencyKey>,
        batch: &Batch,
        request: &Request,
    ) -> Result<Insertion, StoreError> {
        let received_at = (self.clock)();
        if let Some(key) = key {
            return self.store.insert_once(key, batch, received_at, request.deadline).await;
        }
        self.store.insert(&batch.logs, received_at, request.deadline).await.map(|()| Insertion::Stored)
    }
}

const KEY_REUSED: &str = "this Idempotency-Key was used for another batch; use a new key for each batch";

fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, String> {
    match &request.idempotency_keys[..] {
        [] => Ok(None),
        [key] => IdempotencyKey::parse(key).map(Some).map_err(|error| error.to_string()),
        _ => Err("there is more than one Idempotency-Key; send one".to_owned()),
    }
}

fn acknowledge(batch: &Batch, duplicate: bool, request: &Request) -> Answer {
    let what = if duplicate { "stored before" } else { "stored" };
    tracing::info!(accepted = batch.logs.len(), rejected = batch.rejected, duplicate, "{what}");
    Answer::ok(&Receipt::of(batch, duplicate, &request.id))
}

fn in_flight(request: &Request) -> Answer {
    tracing::warn!("another request with the same key is at work");
    let detail = "another request with this Idempotency-Key is at work; send the request again";
    Answer::problem(&Problem::new(StatusCode::CONFLICT, detail, &request.id)).with("retry-after", "1".to_owned())
}

fn out_of_reach(error: &StoreError, batch: &Batch, request: &Request) -> Answer {
    let records = batch.logs.len();
    tracing::error!(%error, records, ambiguous = error.is_ambiguous(), "not acknowledged");
    Answer::out_of_reach(&request.id)
}

fn refuse_body(error: &BodyError, request: &Request) -> Answer {
    let status = match error {
        BodyError::TooLarge | BodyError::TooManyRecords(_) => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    match error {
        BodyError::EveryRecordWrong(faults) => {
            tracing::info!(accepted = 0, rejected = faults.last().map_or(0, |last| last.index + 1), "refused");
            let detail = error.to_string();
            Answer::problem(&Problem::new(status, &detail, &request.id).with_errors(listed(faults)))
        }
        _ => refuse(status, &error.to_string(), request),
    }
}

fn refuse(status: StatusCode, detail: &str, request: &Request) -> Answer {
    tracing::info!(status = status.as_u16(), detail, "refused");
    Answer::problem(&Problem::new(status, detail, &request.id))
}
