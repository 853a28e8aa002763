//! Why the state folder cannot be used.

use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{0} is in use by a run that has not ended; stop that one first (Ctrl-C in its terminal)")]
    InUse(PathBuf),
    #[error("the disk is full: {0} cannot be written; make room and try again")]
    DiskFull(PathBuf),
    #[error("nothing is running in {0}; start ./dev up, or set DATABASE_URL")]
    NotRunning(PathBuf),
    #[error("{0} contains files that ./dev did not create; choose an empty or a new folder with --state")]
    NotOurs(PathBuf),
    #[error("{0} cannot be used: {1}; choose another folder with --state")]
    File(PathBuf, #[source] io::Error),
    /// The file with the keys.
    #[error("{0} is damaged; delete it, and new keys are made")]
    Keys(PathBuf),
}

impl StateError {
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull(path.to_owned()),
            _ => Self::File(path.to_owned(), error),
        }
    }
}
