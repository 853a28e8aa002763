//! Wires the function together: settings, store, handler.

use std::convert::Infallible;
use std::process::ExitCode;

use logs_core::settings::environment;
use store_logs::StoreLogs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let function = StoreLogs::from_environment(&environment).await?;
        edge::serve_events(async |event, deadline| Ok::<_, Infallible>(function.handle(event, deadline).await)).await
    })
    .await
}
