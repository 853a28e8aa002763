//! Why there is no result.

use std::io;
use std::path::PathBuf;

use local::binaries::NotBuilt;
use local::database::ServerError;
use local::lambda::InvokeError;
use local::moto::MotoError;
use local::queue::QueueError;
use local::signals::Stopped;

/// One sentence for whoever runs it. What the service does wrong is not here: that is the report's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LabError {
    /// A binary is missing.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// Ctrl-C.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The server does not run, or not again.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// An earlier fault has lost the server.
    #[error("the database server is gone")]
    NoServer,
    /// A statement of this program.
    #[error("the database refused a statement: {0}")]
    Sql(#[from] sqlx::Error),
    /// Connections of functions that are gone.
    #[error("the database still serves functions that ended long ago")]
    NeverQuiet,
    /// The queue's server does not run.
    #[error(transparent)]
    Moto(#[from] MotoError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Messages that are neither stored nor dead.
    #[error("the queue does not become empty")]
    NeverEmpty,
    /// A function gave no answer.
    #[error("{function}: {error}; its log {log}")]
    Invoke {
        /// Who.
        function: &'static str,
        /// What happened.
        error: InvokeError,
        /// How it ends, or where it is.
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
    /// store-logs did not store what it got.
    #[error("store-logs did not store all messages: {0}")]
    NotStored(String),
    /// The batches of this program are not the contract's.
    #[error("a batch cannot be made: {0}")]
    Batch(&'static str),
    /// Nothing to kill or to freeze.
    #[error("there is no process of the function")]
    NoProcess,
    /// Before the first fault.
    #[error("not every client got through before the first fault; the logs are in {0}")]
    NeverUp(PathBuf),
    /// The kernel does not say how much memory a process had.
    #[error("the peak memory of {0} cannot be read from /proc")]
    NoPeak(&'static str),
    /// The HTTP client, or the local Secrets Manager.
    #[error("HTTP does not work here: {0}")]
    Http(#[from] reqwest::Error),
    /// A time outside the histogram.
    #[error("a time cannot be taken down: {0}")]
    Histogram(String),
    /// A task ended before it was told to.
    #[error("a client failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The report as JSON.
    #[error("the report cannot be written as JSON: {0}")]
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
    /// The command line names no client.
    #[error("name the client behind --, as in ./dev device-test -- ./client")]
    NoCommand,
    /// The client under test.
    #[error("{0} cannot be started: {1}")]
    NotStarted(String, #[source] io::Error),
    /// A file or a process.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It was stopped and waits no more.
    #[error("a process could not be signalled: {0}")]
    Signal(#[from] nix::errno::Errno),
}
