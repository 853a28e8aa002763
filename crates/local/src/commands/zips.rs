//! The zips of the functions.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::{Release, own_architecture};
use crate::{Failure, say};

/// The deployed functions, by crate name.
pub(super) const FUNCTIONS: [&str; 6] = ["post-log", "get-logs", "migrate", "retention", "summarize", "store-logs"];

/// The folder with the zips of a stage, or of another use.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new("target/lambda").join(name)
}

/// Zips for tests, in `target/lambda/test`. Linked for the glibc of Lambda, but not optimized.
pub(super) fn for_tests() -> Result<(), Failure> {
    build(own_architecture(), "local", "test")
}

/// Release zips for this machine, in `target/lambda/measured`.
pub(super) fn measured() -> Result<(), Failure> {
    build(own_architecture(), "release", "measured")
}

/// Release zips of a stage.
pub(super) fn for_stage(stage: &str, architecture: &str) -> Result<(), Failure> {
    build(architecture, "release", stage)
}

/// Builds `FUNCTION/bootstrap.zip` for cargo lambda, and copies it to `FUNCTION.zip` for osls. osls stores an artifact
/// under its file name, so several `bootstrap.zip` would overwrite each other.
fn build(architecture: &str, profile: &str, name: &str) -> Result<(), Failure> {
    let folder = folder(name);
    say(&format!("building the zips for {architecture} (the first time takes several minutes)"));
    let selection =
        FUNCTIONS.iter().flat_map(|function| [format!("--package={function}"), format!("--bin={function}")]);
    let selection: Vec<String> = selection.collect();
    Release { architecture, profile, folder: &folder, selection: &selection }.build()?;
    for function in FUNCTIONS {
        fs::copy(folder.join(function).join("bootstrap.zip"), folder.join(format!("{function}.zip")))?;
    }
    Ok(())
}
