//! Finds programs on this machine.

use std::path::PathBuf;

/// Looks in `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    find_in(&[], name)
}

/// Looks in `PATH`, then in more folders.
pub(crate) fn find_in(more: &[&str], name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(more.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
