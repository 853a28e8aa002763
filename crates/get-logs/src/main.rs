//! Wires the function together: settings, store, handler.

use std::process::ExitCode;

use get_logs::{Cache, GetLogs};
use logs_core::clock::Moment;
use logs_core::metrics::Metrics;
use logs_core::mysql::Store;
use logs_core::operator_log;
use logs_core::settings::{DatabaseSettings, allowed_origin, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator_log::end(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    operator_log::start(environment("RUST_LOG").as_deref())?;
    let origin = allowed_origin(&environment)?;
    let cache = Cache::from_environment(&environment)?;
    let store = Store::new(&DatabaseSettings::from_environment(&environment)?);
    store.warm_up().await?;
    let function = GetLogs { store, cache, clock: Moment::now, metrics: Metrics::from_environment(&environment) };
    rest_proxy::serve(origin, async |request| function.handle(request).await).await
}
