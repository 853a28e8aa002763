//! Wires the function together: settings, store or queue, handler.

use std::process::ExitCode;

use logs_core::metrics::Metrics;
use logs_core::settings::{allowed_origin, environment};
use logs_core::{clock, operator_log};
use post_log::{Destination, PostLog};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operator_log::end(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    operator_log::start(environment("RUST_LOG").as_deref())?;
    let origin = allowed_origin(&environment)?;
    let destination = Destination::from_environment(&environment).await?;
    let metrics = Metrics::from_environment(&environment);
    let function = PostLog { destination, clock: clock::since_epoch, metrics };
    rest_proxy::serve(origin, async |request| function.handle(request).await).await
}
