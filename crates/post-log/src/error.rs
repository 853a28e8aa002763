//! Why a POST is not acknowledged, and the status for each cause.

use edge::{Problem, Response, unavailable};
use http::StatusCode;
use logs_core::metrics::Metric;
use logs_core::{Batch, BodyError, InvalidIdempotencyKey, StoreError, reported_errors};

use crate::{QueueError, counts};

/// Why a POST is not acknowledged. The text is for the client where the status is 4xx, for the operator where it is 503.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// 400
    #[error(transparent)]
    Key(#[from] InvalidIdempotencyKey),
    /// 400
    #[error("there is more than one Idempotency-Key; send one")]
    SeveralKeys,
    /// 400, or 413 where it is too large
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 413: the batch has hundreds of thousands of the two characters that must be escaped for SQS.
    #[error("the batch does not fit a message of the queue; send smaller batches")]
    MessageTooLarge,
    /// 422
    #[error("this Idempotency-Key was used for another batch; use a new key for each batch")]
    KeyReused,
    /// 409
    #[error("another request with this Idempotency-Key may be at work; send the request again")]
    KeyInFlight,
    /// 429: all records are of devices over their rate, or some records of a batch with a key, which is stored whole or
    /// not at all.
    #[error("{} too much; send the batch again in {seconds} s", who(rest.as_ref()))]
    OverRate {
        /// The batch without those records, if any are left.
        rest: Option<Batch>,
        /// How long these devices have to wait.
        seconds: u64,
        /// The number of their records.
        throttled: usize,
    },
    /// 503
    #[error("{error}")]
    Store {
        /// Why.
        error: StoreError,
        /// The number of valid records in the batch.
        records: usize,
    },
    /// 503
    #[error("{error}")]
    Queue {
        /// Why.
        error: QueueError,
        /// The number of valid records in the batch.
        records: usize,
    },
}

impl PostError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(BodyError::TooLarge | BodyError::TooManyRecords(_)) | Self::MessageTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Key(_) | Self::SeveralKeys | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyInFlight => StatusCode::CONFLICT,
            Self::OverRate { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Store { .. } | Self::Queue { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Of a batch with these devices over their rate, which is `rest` without them.
    pub(crate) fn over_rate(batch: &Batch, rest: Option<Batch>, seconds: u64) -> Self {
        let throttled = rest.as_ref().map_or(batch.logs().len(), Batch::throttled);
        Self::OverRate { rest, seconds, throttled }
    }

    /// The number of records, if every one is wrong.
    fn rejected(&self) -> Option<usize> {
        match self {
            Self::Body(BodyError::NoValidRecord(errors)) => Some(errors.last().map_or(0, |last| last.index + 1)),
            _ => None,
        }
    }

    /// What CloudWatch counts.
    pub(crate) fn counts(&self) -> Vec<Metric> {
        match self {
            Self::OverRate { throttled, .. } => vec![Metric::Count("Throttled", *throttled)],
            _ => self.rejected().map_or(Vec::new(), |rejected| counts(0, rejected, false)),
        }
    }

    /// The response. A 5xx says nothing about the cause.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let detail = self.to_string();
        let problem = Problem::new(self.status(), &detail, request_id);
        match self {
            Self::Store { .. } | Self::Queue { .. } => unavailable(request_id),
            Self::KeyInFlight => problem.retry_after(1),
            Self::OverRate { rest: Some(rest), seconds, .. } => {
                problem.with_errors(reported_errors(rest.errors())).retry_after(*seconds)
            }
            Self::OverRate { rest: None, seconds, .. } => problem.retry_after(*seconds),
            Self::Body(BodyError::NoValidRecord(errors)) => problem.with_errors(reported_errors(errors)).response(),
            _ => problem.response(),
        }
    }

    /// Logs one line for the operator.
    pub(crate) fn log(&self) {
        match self {
            Self::Store { error, records } => {
                tracing::error!(%error, ambiguous = error.is_ambiguous(), records, "not acknowledged");
            }
            Self::Queue { error, records } => tracing::error!(%error, records, "not acknowledged"),
            Self::KeyInFlight => {
                tracing::warn!("another request with the same key may be at work, or the ledger is locked");
            }
            Self::Body(BodyError::NoValidRecord(_)) => {
                tracing::info!(accepted = 0, rejected = self.rejected(), "refused");
            }
            _ => tracing::info!(status = self.status().as_u16(), detail = %self, "refused"),
        }
    }
}

fn who(rest: Option<&Batch>) -> &'static str {
    if rest.is_some() { "a device of this batch sends" } else { "the devices of this batch send" }
}
