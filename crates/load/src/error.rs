//! Why there are no figures.

use std::io;
use std::path::PathBuf;

use local::binaries::NotBuilt;
use local::database::ServerError;
use local::lambda::InvokeError;
use local::moto::MotoError;
use local::queue::QueueError;
use local::signals::Stopped;

/// One sentence for whoever runs it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// A binary is missing.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// Ctrl-C.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The queue's server does not run.
    #[error(transparent)]
    Moto(#[from] MotoError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A statement of this program.
    #[error("the database refused a statement: {0}")]
    Sql(#[from] sqlx::Error),
    /// Connections of functions that are gone.
    #[error("the database still serves functions that ended long ago")]
    NeverQuiet,
    /// store-logs gave no answer.
    #[error("store-logs: {0}; its log is in {1}")]
    Invoke(#[source] InvokeError, PathBuf),
    /// store-logs did not store what it got.
    #[error("store-logs did not store all messages: {0}")]
    NotStored(String),
    /// The batches of this program are not the contract's.
    #[error("a batch cannot be made: {0}")]
    Batch(&'static str),
    /// The kernel does not say how much memory a process had.
    #[error("the peak memory of store-logs cannot be read from /proc")]
    NoPeak,
    /// The HTTP client.
    #[error("there is no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// A time outside the histogram.
    #[error("a time cannot be taken down: {0}")]
    Histogram(String),
    /// A task ended before it was told to.
    #[error("a part of the load failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The report as JSON.
    #[error("the figures cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A file that was asked for.
    #[error("{0} cannot be written: {1}")]
    NotWritten(PathBuf, #[source] io::Error),
    /// A plot.
    #[error("{0} cannot be drawn: {1}")]
    NotDrawn(PathBuf, String),
    /// The document has no place for the figures.
    #[error("{0} has no lines {1} and {2}, between which the figures go")]
    NoPlace(PathBuf, &'static str, &'static str),
    /// A file or a process.
    #[error("{0}")]
    Io(#[from] io::Error),
}
