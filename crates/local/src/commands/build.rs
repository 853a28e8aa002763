//! Builds, with cargo and cargo lambda.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::statvfs::statvfs;

use crate::tools::CargoLambda;
use crate::{Failure, say};

/// Builds these packages with the profile of `./dev up` and the tests. The selection determines the features of crates, so
/// another selection would build some crates again.
pub(super) fn build(selection: &[&str]) -> Result<(), Failure> {
    say("building (the first time takes a few minutes)");
    run(Command::new("cargo").args(["build", "--locked", "--profile", "local"]).args(selection))
}

/// A build for Lambda.
pub(super) struct Release<'a> {
    /// In Lambda's words: `x86_64` or `arm64`.
    pub(super) architecture: &'a str,
    /// A profile of `Cargo.toml`.
    pub(super) profile: &'a str,
    /// The folder for the zips. It is emptied first.
    pub(super) folder: &'a Path,
    /// Packages and binaries, as options of cargo.
    pub(super) selection: &'a [String],
}

impl Release<'_> {
    pub(super) fn build(&self) -> Result<(), Failure> {
        let target = format!("{}-unknown-linux-gnu", self.architecture.replace("arm64", "aarch64"));
        need_room(&format!("target/{target}/{}/deps", self.profile))?;
        let cargo_lambda = CargoLambda::install()?;
        if !has_library(&target) {
            let architecture = self.architecture;
            return Err(format!("Rust's library for {architecture} is missing; run: rustup target add {target}").into());
        }
        let _ = std::fs::remove_dir_all(self.folder);
        let mut command = cargo_lambda.command();
        command.args(["build", "--locked", "--profile", self.profile, "--target", &target]);
        // Skips cargo lambda's check of the target, which would let rustup install it.
        command.args(["--skip-target-check", "--output-format", "zip", "--lambda-dir"]).arg(self.folder);
        run(command.args(self.selection))
    }
}

/// The architecture of this machine, in Lambda's words.
pub(super) fn own_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { std::env::consts::ARCH }
}

/// Where cargo puts the release build for this machine.
pub(super) fn release_folder() -> String {
    format!("target/{}-unknown-linux-gnu/release", std::env::consts::ARCH)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("the build failed; the compiler's message is above".into()),
        Err(error) => Err(format!("{} cannot be run: {error}", command.get_program().display()).into()),
    }
}

/// Whether Rust's standard library for this target is installed.
fn has_library(target: &str) -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// The disk space that a first build for Lambda takes, in MB.
const NEEDED_MB: u64 = 2500;

/// Fails if the disk has no room for a first build. `built` is the folder of an earlier build.
fn need_room(built: &str) -> Result<(), Failure> {
    let disk = statvfs(".")?;
    let free = (disk.blocks_available() * disk.fragment_size()) >> 20;
    if Path::new(built).is_dir() || free >= NEEDED_MB {
        return Ok(());
    }
    Err(format!("the disk is full: a build needs {NEEDED_MB} MB here and there are {free} MB").into())
}
