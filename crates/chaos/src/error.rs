//! Why there is no verdict.

use std::io;
use std::path::PathBuf;

use local::binaries::NotBuilt;
use local::database::ServerError;
use local::signals::Stopped;

/// One sentence for whoever runs it. What the service does wrong is not here: that is the report's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChaosError {
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
    /// A statement of the harness.
    #[error("the database refused a statement of the harness: {0}")]
    Sql(#[from] sqlx::Error),
    /// Nothing to kill or to freeze.
    #[error("there is no process of the function")]
    NoProcess,
    /// Before the first fault.
    #[error("not every client got through before the first fault; the logs are in {0}")]
    NeverUp(PathBuf),
    /// Connections of functions that are gone.
    #[error("the database still serves functions that ended long ago")]
    NeverQuiet,
    /// moto.
    #[error(transparent)]
    Moto(#[from] local::moto::MotoError),
    /// A queue.
    #[error(transparent)]
    Queue(#[from] local::queue::QueueError),
    /// Messages that are neither stored nor dead.
    #[error("the queue does not become empty")]
    NeverEmpty,
    /// The HTTP client.
    #[error("there is no HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// A client ended before it was told to.
    #[error("a client failed: {0}")]
    Client(#[from] tokio::task::JoinError),
    /// The report as JSON.
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file of `--json`.
    #[error("{0} cannot be written: {1}")]
    NotWritten(PathBuf, #[source] io::Error),
    /// A file or a process.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It was stopped and waits no more.
    #[error("a process could not be signalled: {0}")]
    Signal(#[from] nix::errno::Errno),
}
