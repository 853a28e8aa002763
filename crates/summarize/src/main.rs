//! Wires the function together: settings, store, one run per event.

use std::process::ExitCode;

use logs_core::clock;
use logs_core::settings::environment;
use summarize::{Event, Summarize};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let function = Summarize::from_environment(&environment).await?;
        edge::serve_events(async |event: Event, deadline| function.run(event, clock::unix_seconds(), deadline).await)
            .await
    })
    .await
}
