//! Wires the function together: settings, store, one run per event.

use std::process::ExitCode;

use logs_core::clock;
use logs_core::mysql::{DatabaseSettings, MySqlStore};
use logs_core::settings::environment;
use retention::Days;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let days = Days::from_environment(&environment)?;
        let store = MySqlStore::new(&DatabaseSettings::from_environment(&environment)?);
        store.warm_up().await?;
        edge::serve_events(async |_: Value, deadline| {
            retention::run(&store, days, clock::unix_seconds(), deadline).await
        })
        .await
    })
    .await
}
