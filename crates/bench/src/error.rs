//! Why there are no figures.

use std::io;
use std::path::PathBuf;

use local::binaries::NotBuilt;
use local::database::ServerError;
use local::lambda::InvokeError;
use local::signals::Stopped;

/// One sentence for whoever runs the benchmark.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A binary is missing.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// Ctrl-C.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A statement of the benchmark.
    #[error("the database refused a statement of the benchmark: {0}")]
    Sql(#[from] sqlx::Error),
    /// No answer.
    #[error("{function}: {error}; its log ends with: {log}")]
    Invoke {
        /// Who.
        function: &'static str,
        /// What happened.
        error: InvokeError,
        /// What it wrote last.
        log: String,
    },
    /// An answer whose time means nothing.
    #[error("{function} gave a wrong answer: {answer}")]
    WrongAnswer {
        /// Who.
        function: &'static str,
        /// What it said.
        answer: String,
    },
    /// The log of a start does not say when a step ended.
    #[error("the log of post-log does not say when this step ended: {0}")]
    NoStep(&'static str),
    /// The local Secrets Manager.
    #[error("the local Secrets Manager does not answer: {0}")]
    Endpoint(#[from] reqwest::Error),
    /// The kernel does not say how much memory a process had.
    #[error("the peak memory of {0} cannot be read from /proc")]
    NoPeak(&'static str),
    /// The report as JSON.
    #[error("the figures cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file of `--json`.
    #[error("{0} cannot be written: {1}")]
    NotWritten(PathBuf, #[source] io::Error),
    /// A file or a process.
    #[error("{0}")]
    Io(#[from] io::Error),
}
