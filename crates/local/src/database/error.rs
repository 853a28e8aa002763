//! Errors of the private database server.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use logs_core::mysql::MigrateError;
use logs_core::settings::SettingError;

use super::program::ProgramError;

/// Generous: after kill -9 the server first replays its log.
pub(super) const START_LIMIT: Duration = Duration::from_mins(2);

/// The space for a new data folder in MB, with the first million rows.
pub(super) const NEEDED_MB: u64 = 512;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The folder, and its free space in MB.
    #[error("the disk is full: {0} needs {needed} MB and has {1} MB; make room and try again", needed = NEEDED_MB)]
    DiskFull(PathBuf, u64),
    #[error("the database server cannot be started: {0}; is there room on the disk, and is the folder yours?")]
    Io(#[from] io::Error),
    /// The server exited during the start: its last error, and the path of its log.
    #[error("the database server ended at once: {0} (all of it: {1})")]
    Ended(String, PathBuf),
    /// The path of the server's log.
    #[error("the database server does not answer after {} s (see {})", START_LIMIT.as_secs(), .0.display())]
    NoAnswer(PathBuf),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Schema(#[from] MigrateError),
}
