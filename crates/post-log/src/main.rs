//! Wires the function together: settings, store or queue, handler.

use std::process::ExitCode;

use logs_core::settings::environment;
use post_log::PostLog;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let origin = edge::allowed_origin(&environment)?;
        edge::serve(origin, PostLog::from_environment(&environment).await?).await
    })
    .await
}
