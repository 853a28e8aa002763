//! Finds the built binaries of the functions.

use std::path::{Path, PathBuf};

/// Holds the path of the missing binary.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not there; ./dev up, bench, chaos and load build it, or name its folder with --functions")]
pub struct NotBuilt(PathBuf);

/// The folder that has these binaries: `folder`, or that of this program.
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

pub fn in_folder(folder: &Path, name: &str) -> Result<PathBuf, NotBuilt> {
    let program = folder.join(name);
    if program.is_file() { Ok(program) } else { Err(NotBuilt(program)) }
}
