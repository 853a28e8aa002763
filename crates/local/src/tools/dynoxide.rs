//! Installs dynoxide, which plays DynamoDB. cargo builds it in a folder of its own, because it links SQLite, as a package of
//! sqlx does; cargo allows that only once in a workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{FOLDER, installed};
use crate::Failure;

/// Returns the path of the program.
pub(crate) fn dynoxide() -> Result<PathBuf, Failure> {
    let pinned = Path::new("tools/dynoxide.txt");
    let folder = installed("dynoxide", pinned, |folder| {
        let text = fs::read_to_string(pinned)?;
        let line = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        let [name, version, features] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("{} must name a crate, its version and its features", pinned.display()).into());
        };
        install(folder, name, version, features)
    })?;
    Ok(folder.join("bin/dynoxide"))
}

fn install(folder: &Path, name: &str, version: &str, features: &str) -> Result<(), Failure> {
    let build = Path::new(FOLDER).join("dynoxide-build");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--quiet", "--locked", "--no-track", "--root"]).arg(folder);
    cargo.args([name, "--version", version, "--no-default-features", "--features", features]);
    // This profile builds a minute faster and is fast enough for a local table.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    let status = cargo.env("CARGO_TARGET_DIR", &build).env_remove("RUSTFLAGS").status()?;
    let _ = fs::remove_dir_all(&build);
    if status.success() { Ok(()) } else { Err("dynoxide could not be installed; cargo's message is above".into()) }
}
