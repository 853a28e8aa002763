//! The body of every `main`.

use std::process::ExitCode;

use logs_core::operator_log;
use logs_core::settings::environment;

/// Why a function cannot start, or had to end.
pub type Error = lambda_http::Error;

/// Starts the log, then runs the function until Lambda ends the process. If `function` fails, its error is the last
/// line of the log.
pub async fn run(function: impl AsyncFnOnce() -> Result<(), Error>) -> ExitCode {
    let outcome = match operator_log::start(environment("RUST_LOG").as_deref()) {
        Ok(()) => function().await,
        Err(error) => Err(error.into()),
    };
    operator_log::end(outcome)
}
