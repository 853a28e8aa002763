//! Programs that `./dev` needs beside Rust. What Debian has is installed by apt; the rest comes from PyPI and npm, in the
//! versions that the folder `tools/` pins, and goes to a folder of its own under `target/tools`.

mod debian;
mod dynoxide;
mod micropython;
mod node;
mod osls;
mod python;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(crate) use debian::{c_compilers, chromium, database_server, preload};
pub(crate) use dynoxide::dynoxide;
pub(crate) use micropython::micropython;
pub(crate) use osls::osls;
pub(crate) use python::{CargoLambda, python};

use crate::Failure;

/// Where tools are installed.
const FOLDER: &str = "target/tools";

/// Written last into a tool's folder: without it the installation was interrupted, and begins again.
const COMPLETE: &str = "complete";

/// The folder of a tool, made by `install` unless it is complete. Its name depends on the content of the file that pins
/// the versions, so a new version is a new folder.
fn installed(
    name: &str,
    pinned: &Path,
    install: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let content = fs::read(pinned).map_err(|error| format!("{} cannot be read: {error}", pinned.display()))?;
    let digest = Sha256::digest(content)[..4].iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    fs::create_dir_all(FOLDER)?;
    // Absolute, for programs that find themselves by it; npm refuses a way over symbolic links.
    let folder = Path::new(FOLDER).canonicalize()?.join(format!("{name}-{digest:08x}"));
    if !folder.join(COMPLETE).exists() {
        crate::say(&format!("installing {name} into {FOLDER}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        install(&folder)?;
        fs::write(folder.join(COMPLETE), "")?;
    }
    Ok(folder)
}
