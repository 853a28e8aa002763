//! POST /logs: a batch of error codes is read, stored and acknowledged.
//!
//! Body → [`Batch`] → one INSERT → [`Receipt`]. What is refused is refused before the database is asked.

use http::StatusCode;
use logs_core::mysql::{Store, StoreError};
use logs_core::{Batch, BodyError, Receipt, listed};
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
        let batch = match Batch::parse(body) {
            Ok(batch) => batch,
            Err(error) => return refuse_body(&error, request),
        };
        match self.store.insert(&batch.logs, (self.clock)(), request.deadline).await {
            Ok(()) => acknowledge(&batch, request),
            Err(error) => out_of_reach(&error, &batch, request),
        }
    }
}

fn acknowledge(batch: &Batch, request: &Request) -> Answer {
    tracing::info!(accepted = batch.logs.len(), rejected = batch.rejected, "stored");
    Answer::ok(&Receipt::stored(batch, &request.id))
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
