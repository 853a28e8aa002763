//! Why `./dev up` does not start, or stops.

use std::path::PathBuf;

use logs_core::settings::SettingError;

use super::choice::SecretsError;
use crate::binaries::NotBuilt;
use crate::moto::MotoError;
use crate::queue::QueueError;
use crate::state::StateError;

/// Why `./dev up` fails: one sentence, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// Another program listens on this port; the option chooses another one.
    #[error("port {0} is taken; stop what listens there, or choose another one with {1}")]
    PortTaken(u16, &'static str),
    /// A port that needs more rights, and the option that chooses another one.
    #[error("port {0} is not for this user; choose one above 1023 with {1}")]
    PortForbidden(u16, &'static str),
    /// A function is not built.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// The folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The settings.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// secrets.json.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// codes.json.
    #[error(transparent)]
    CodeNames(#[from] crate::gateway::NamesError),
    /// The private server.
    #[error(transparent)]
    Server(#[from] crate::database::ServerError),
    /// The table's server.
    #[error(transparent)]
    Dynoxide(#[from] crate::dynoxide::DynoxideError),
    /// The table.
    #[error(transparent)]
    Table(#[from] logs_core::StoreError),
    /// The queue's server.
    #[error(transparent)]
    Moto(#[from] MotoError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Another program asked moto to stop; it kept its messages.
    #[error("moto, which plays the queue, was ended by somebody else; the next ./dev up --queued has its messages")]
    QueueStopped,
    /// moto exited. Messages that were accepted and not stored are lost; its log says why.
    #[error("moto, which plays the queue, ended, and with it the messages that it had; {0} says why")]
    QueueEnded(PathBuf),
    /// Shorter than gathering and storing a batch take together: messages would be delivered twice and become dead
    /// letters. The minimum in seconds.
    #[error("--visibility-timeout must be at least {0} s: --batch-window, and time for store-logs to store")]
    VisibilityTimeout(u64),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] logs_core::mysql::MigrateError),
    /// Which gateway does not answer as it should, what it answered, and the folder of the logs.
    #[error("the {0} gateway does not answer as it should ({1}); its log is in {2}")]
    SelfCheck(&'static str, String, PathBuf),
    /// Anything else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
