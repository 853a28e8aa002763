//! Wires the function together: settings, store, handler.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use logs_core::metrics::Metrics;
use logs_core::mysql::Store;
use logs_core::settings::{DatabaseSettings, environment};
use logs_core::{Deadline, clock, operator_log};
use store_logs::{QueueEvent, StoreLogs};
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator_log::end(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    operator_log::start(environment("RUST_LOG").as_deref())?;
    let store = Store::new(&DatabaseSettings::from_environment(&environment)?);
    store.warm_up().await?;
    let metrics = Metrics::from_environment(&environment);
    let function = &StoreLogs { store, clock: clock::since_epoch, metrics };
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<QueueEvent>| {
        let span = tracing::error_span!("request", request_id = event.context.request_id);
        let deadline = Deadline::of_event(event.context.deadline, clock::since_epoch());
        Ok::<_, std::convert::Infallible>(function.handle(event.payload, deadline).instrument(span).await)
    }))
    .await
}
