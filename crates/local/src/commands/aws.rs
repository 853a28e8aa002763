//! AWS's own HTTP APIs, for the few calls by which an operator looks at a stage and takes it back. The SDK's clients for
//! CloudWatch and Lambda would make the first build longer for that (docs/decisions/0101).

use std::time::Duration;

use logs_core::signed_call::{Call, Service, message};
use serde_json::Value;

/// The limit for a call. AWS answers within a second; it is long for machines that are busy.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) const CLOUDWATCH: Service = Service { name: "monitoring", endpoint: "CLOUDWATCH" };

pub(super) const LAMBDA: Service = Service { name: "lambda", endpoint: "LAMBDA" };

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There is no such thing.
    #[error("there is no such thing: {0}")]
    NotFound(String),
    /// AWS refuses, and says why.
    #[error("AWS refuses: {0}")]
    Refused(String),
    /// Nobody answered, or not in JSON. Or the environment lacks what a call needs.
    #[error(
        "AWS does not answer: {0} (it needs AWS_REGION, and credentials in the environment; a profile's are put there by \
         eval \"$(aws configure export-credentials --format env)\")"
    )]
    NoAnswer(String),
}

/// The JSON of the answer.
pub(super) async fn call(service: Service, call: Call<'_>) -> Result<Value, CallError> {
    let answer = Box::pin(service.send(call, LIMIT)).await;
    let (status, body) = answer.map_err(CallError::NoAnswer)?;
    let json: Result<Value, _> = serde_json::from_slice(&body);
    if (200..300).contains(&status) {
        return json.map_err(|error| CallError::NoAnswer(error.to_string()));
    }
    let json = json.unwrap_or_default();
    let message = message(&json).map_or_else(|| format!("HTTP {status}"), str::to_owned);
    Err(if status == 404 { CallError::NotFound(message) } else { CallError::Refused(message) })
}
