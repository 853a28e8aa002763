//! The loop of a function that no client calls: a queue, a schedule or an operator does.

use std::fmt::Debug;

use lambda_http::lambda_runtime::{self, Diagnostic, LambdaEvent, service_fn};
use logs_core::{Deadline, clock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::Error;

/// Hands each event to `handle`, one at a time, with its deadline. Every log line in between carries the request id. An
/// error of `handle` is a function error, which Lambda counts and shows to the caller.
pub async fn serve_events<E, R, F>(handle: impl AsyncFn(E, Deadline) -> Result<R, F>) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    F: Into<Diagnostic> + Debug,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<E>| {
        let span = tracing::error_span!("request", request_id = event.context.request_id);
        let deadline = Deadline::of_event(event.context.deadline, clock::since_epoch());
        handle(event.payload, deadline).instrument(span).await
    }))
    .await
}
