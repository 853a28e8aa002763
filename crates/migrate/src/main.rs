//! Wires the function together: settings, one migration an event.

use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use logs_core::operator_log;
use logs_core::settings::environment;
use migrate::Migration;
use serde_json::Value;
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator_log::end(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    operator_log::start(environment("RUST_LOG").as_deref())?;
    let migration = &Migration::from_environment(&environment)?;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let span = tracing::error_span!("request", request_id = event.context.request_id);
        migration.run().instrument(span).await
    }))
    .await
}
