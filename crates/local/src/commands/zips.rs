//! The zips of the functions.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::{Release, own_architecture};
use crate::{Failure, say};

/// What is deployed, by the names of the crates.
pub(super) const FUNCTIONS: [&str; 5] = ["post-log", "get-logs", "migrate", "retention", "store-logs"];

/// Where the zips are that belong to a stage, or to something else of this name.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new("target/lambda").join(name)
}

/// For tests, in `target/lambda/test`: linked as what is deployed, for the same glibc, and not optimized.
pub(super) fn for_tests() -> Result<(), Failure> {
    build(own_architecture(), "local", "test")
}

/// As they are deployed, for this machine, in `target/lambda/measured`.
pub(super) fn measured() -> Result<(), Failure> {
    build(own_architecture(), "release", "measured")
}

/// As they are deployed, for a stage.
pub(super) fn for_stage(stage: &str, architecture: &str) -> Result<(), Failure> {
    build(architecture, "release", stage)
}

/// Makes `FUNCTION/bootstrap.zip` for cargo lambda, and the same as `FUNCTION.zip` for osls, which stores an artifact
/// under its file's name: of several `bootstrap.zip` all functions would get the last.
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
