//! The state folder `.local/`. Keys and data stay from run to run; `endpoints.json` says that the gateways are up.

mod endpoints;
mod folder;
mod keys;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::Failure;

pub use endpoints::{Endpoint, Endpoints, QueueEndpoint, TableEndpoint};
pub use folder::StateFolder;
pub use keys::Keys;

/// Writes a file that only this user can read.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// A sentence about a file or folder of ours that cannot be read or written.
fn unusable(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull => format!("the disk is full: {path} cannot be written; make room and try again"),
        _ => format!("{path} cannot be used: {error}; choose another folder with --state"),
    }
    .into()
}
