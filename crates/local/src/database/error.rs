//! Why the private database server cannot be used.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use logs_core::mysql::MigrateError;
use logs_core::settings::SettingError;

use super::program::ProgramError;

/// A start after kill -9 replays the log first; a full log takes a while.
pub(super) const START_LIMIT: Duration = Duration::from_mins(2);

/// Size of a new data folder in MB, with room for the first million rows.
pub(super) const NEEDED_MB: u64 = 512;

/// Why a server does not start, or a database cannot be created on it.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no server program, or no data folder could be created.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Not enough room in this folder: how many MB are free.
    #[error("the disk is full: {0} needs {needed} MB and has {1} MB; make room and try again", needed = NEEDED_MB)]
    DiskFull(PathBuf, u64),
    /// A file or a process failed.
    #[error("the database server cannot be started: {0}; is there room on the disk, and is the folder yours?")]
    Io(#[from] io::Error),
    /// The server exited during the start: its last error, and its log.
    #[error("the database server ended at once: {0} (all of it: {1})")]
    Ended(String, PathBuf),
    /// The server runs but does not answer; its log.
    #[error("the database server does not answer after {} s (see {})", START_LIMIT.as_secs(), .0.display())]
    NoAnswer(PathBuf),
    /// The server's URL is invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The migrations failed.
    #[error(transparent)]
    Schema(#[from] MigrateError),
}
