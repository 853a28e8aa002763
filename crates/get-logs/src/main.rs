//! Wires the function together: settings, store, handler.

use std::process::ExitCode;

use get_logs::GetLogs;
use logs_core::settings::environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(async || {
        let origin = edge::allowed_origin(&environment)?;
        edge::serve(origin, GetLogs::from_environment(&environment).await?).await
    })
    .await
}
