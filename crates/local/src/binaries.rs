//! Where the built functions are.

use std::path::{Path, PathBuf};

/// A binary is missing.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not there; ./dev up, bench, chaos and load build it, or name its folder with --functions")]
pub struct NotBuilt(PathBuf);

/// This folder, or the one where this program is, with all of these binaries in it.
pub fn folder_of(binaries: &[&str], folder: Option<&Path>) -> Result<PathBuf, NotBuilt> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => std::env::current_exe().ok().and_then(|this| Some(this.parent()?.to_owned())).unwrap_or_default(),
    };
    for name in binaries {
        in_folder(&folder, name)?;
    }
    Ok(folder)
}

/// The binary of this name.
pub fn in_folder(folder: &Path, name: &str) -> Result<PathBuf, NotBuilt> {
    let program = folder.join(name);
    if program.is_file() { Ok(program) } else { Err(NotBuilt(program)) }
}
