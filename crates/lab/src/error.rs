//! Why there is no result: one sentence for whoever runs the command. What the service does wrong is the report's.

use std::io;
use std::path::PathBuf;

use local::binaries::NotBuilt;
use local::database::ServerError;
use local::dynoxide::DynoxideError;
use local::lambda::InvokeError;
use local::moto::MotoError;
use local::queue::QueueError;
use local::signals::Stopped;
use local::state::StateError;
use logs_core::StoreError;
use logs_core::settings::SettingError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LabError {
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Dynoxide(#[from] DynoxideError),
    #[error("the table cannot be used: {0}")]
    Table(#[from] StoreError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An option that goes with another store.
    #[error("{0} has nothing like that")]
    NotOnThisStore(&'static str),
    /// An option.
    #[error("{0} goes with --store mysql only")]
    OnlyMySql(&'static str),
    /// A fault that was asked for by name.
    #[error("{0} does not happen here: it belongs to another store, or to --queued")]
    NoSuchFault(String),
    #[error(transparent)]
    Moto(#[from] MotoError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the database refused a statement: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("a bare call of the SDK failed: {0}")]
    BareCall(String),
    #[error("the database still serves functions that ended long ago")]
    NeverQuiet,
    /// Messages are neither stored nor dead.
    #[error("{rows} rows are stored where {expected} should be")]
    NotAllStored { rows: u64, expected: u64 },
    #[error("the queue does not become empty")]
    NeverEmpty,
    #[error("{function}: {error}; its log {log}")]
    Invoke { function: &'static str, error: InvokeError, log: String },
    /// The time of such an answer means nothing.
    #[error("{function} gave a wrong answer: {answer}")]
    WrongAnswer { function: &'static str, answer: String },
    #[error("the log of post-log does not say when this step ended: {0}")]
    NoStep(&'static str),
    /// The batches of this program break the contract.
    #[error("a batch cannot be made: {0}")]
    Batch(&'static str),
    /// Nothing to kill or to freeze.
    #[error("there is no process of the {0}")]
    NoProcess(&'static str),
    #[error("not every client got through before the first fault; the logs are in {0}")]
    NeverUp(PathBuf),
    #[error("the peak memory of {0} cannot be read from /proc")]
    NoPeak(&'static str),
    #[error("HTTP does not work here: {0}")]
    Http(#[from] reqwest::Error),
    #[error("a time cannot be taken down: {0}")]
    Histogram(String),
    #[error("a client failed: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0} cannot be written: {1}")]
    NotWritten(PathBuf, #[source] io::Error),
    #[error("{0} cannot be drawn: {1}")]
    NotDrawn(PathBuf, String),
    #[error("{0} has no lines {1} and {2}, between which the figures go")]
    NoPlace(PathBuf, &'static str, &'static str),
    #[error("name the client behind --, as in ./dev device-test -- ./client")]
    NoCommand,
    /// A client must not pass because nothing was asked of it.
    #[error("no scenario is chosen; its name must contain what --only says")]
    NoScenario,
    #[error("{0} cannot be started: {1}")]
    NotStarted(String, #[source] io::Error),
    /// What the demonstration sent.
    #[error("a batch was not stored: {0}")]
    Refused(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl LabError {
    /// Whether the functions' logs say more.
    pub(crate) fn is_in_the_logs(&self) -> bool {
        matches!(self, Self::NeverUp(_) | Self::Invoke { .. })
    }
}
