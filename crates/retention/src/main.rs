//! Wires the function together: settings, store, one run an event.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use logs_core::mysql::Store;
use logs_core::settings::{DatabaseSettings, environment};
use logs_core::{Deadline, clock, operator_log};
use retention::Days;
use serde_json::Value;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator_log::end(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    operator_log::start(environment("RUST_LOG").as_deref())?;
    let days = &Days::from_environment(&environment)?;
    let store = &Store::new(&DatabaseSettings::from_environment(&environment)?);
    store.warm_up().await?;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let span = tracing::error_span!("request", request_id = event.context.request_id);
        let deadline = Deadline::of_event(event.context.deadline, clock::since_epoch());
        retention::run(store, *days, clock::unix_seconds(), deadline).instrument(span).await
    }))
    .await
}
