//! Wires the function together: settings, one migration per event.

use std::process::ExitCode;

use logs_core::settings::environment;
use migrate::Migration;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let migration = Migration::from_environment(&environment)?;
        edge::serve_events(async |_: Value, _| migration.run().await).await
    })
    .await
}
