//! Installs the programs that `./dev` needs beside Rust: Debian packages by apt, the rest from PyPI, npm and crates.io, each
//! into its own folder under `target/tools`. The folder `tools/` pins the versions.

mod debian;
mod dynoxide;
mod node;
mod python;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub(crate) use debian::{c_compilers, chromium, database_server, preload};
pub(crate) use dynoxide::dynoxide;
pub(crate) use node::{micropython, osls};
pub(crate) use python::{CargoLambda, python};

use crate::Failure;

/// Where the tools are installed.
const FOLDER: &str = "target/tools";

/// A tool's last file: without it, the installation was interrupted and is repeated.
const COMPLETE: &str = "complete";

/// The folder of a tool. `install` fills it, unless it is complete. Its name contains a hash of the file that pins the
/// versions, so a new version gets a new folder.
fn installed(
    name: &str,
    pinned: &Path,
    install: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let content = fs::read(pinned).map_err(|error| format!("{} cannot be read: {error}", pinned.display()))?;
    let digest = Sha256::digest(content)[..4].iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    fs::create_dir_all(FOLDER)?;
    // Absolute and without symbolic links: some programs find themselves by it, and npm refuses links.
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
