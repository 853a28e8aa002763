//! Why it does not come up, or ends.

use std::path::PathBuf;

use logs_core::settings::SettingError;

use super::SecretsError;
use crate::binaries::NotBuilt;
use crate::moto::MotoError;
use crate::queue::QueueError;
use crate::state::StateError;

/// Why it does not come up: one sentence, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// Somebody else listens there.
    #[error("port {port} is taken; stop what listens there, or choose another one with {option}")]
    PortTaken {
        /// Which port.
        port: u16,
        /// What chooses another one.
        option: &'static str,
    },
    /// Not for this user.
    #[error("port {port} is not for this user; choose one above 1023 with {option}")]
    PortForbidden {
        /// Which port.
        port: u16,
        /// What chooses another one.
        option: &'static str,
    },
    /// The binaries are not there.
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
    /// The private server.
    #[error(transparent)]
    Server(#[from] crate::database::ServerError),
    /// The queue's server.
    #[error(transparent)]
    Moto(#[from] MotoError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Somebody asked moto to end, which kept what it had.
    #[error("moto, which plays the queue, was ended by somebody else; the next ./dev up --queued has its messages")]
    QueueStopped,
    /// What was acknowledged and not stored is lost.
    #[error("moto, which plays the queue, ended, and with it the messages that it had; {0} says why")]
    QueueEnded(PathBuf),
    /// A message would come again while it is gathered or worked on, and be a dead letter in the end.
    #[error("--visibility-timeout must be at least {0} s: --batch-window, and time for store-logs to store")]
    VisibilityTimeout(u64),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] logs_core::mysql::MigrateError),
    /// A gateway does not answer as it should.
    #[error("the {api} gateway does not answer as it should ({answer}); its log is in {}", logs.display())]
    SelfCheck {
        /// Which one.
        api: &'static str,
        /// What it answered.
        answer: String,
        /// Where to look.
        logs: PathBuf,
    },
    /// Anything else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
