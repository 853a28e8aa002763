//! What only developers run, in the crate `lab`: builds it and becomes it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::build::{self, Release, own_architecture, release_folder};
use super::{become_program, zips};
use crate::{Failure, say, tools};

/// `./dev bench`.
pub(crate) fn bench(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    tools::database_server()?;
    // Built by itself: with the benchmark in one call cargo would give the functions the benchmark's features.
    zips::measured()?;
    say("building the benchmark");
    release("target/bench", &["lab", "empty-function"])?;
    lab(&release_folder(), "bench", arguments, None)
}

/// `./dev chaos`.
pub(crate) fn chaos(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    tools::database_server()?;
    let is_queued = arguments.iter().any(|argument| argument == "--queued");
    let moto = is_queued.then(|| tools::python("moto")).transpose()?;
    build::build(&["--workspace"])?;
    lab("target/local", "chaos", arguments, moto)
}

/// `./dev load`.
pub(crate) fn load(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    tools::database_server()?;
    let moto = Some(tools::python("moto")?);
    // As in `bench`, unless other binaries are named.
    if !arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(b"--functions")) {
        zips::measured()?;
    }
    say("building the load generator");
    release("target/load", &["lab"])?;
    lab(&release_folder(), "load", arguments, moto)
}

/// `./dev device-test`.
pub(crate) fn device_test(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    tools::database_server()?;
    build::build(&["--workspace"])?;
    lab("target/local", "device-test", arguments, None)
}

/// `./dev simulate`.
pub(crate) fn simulate(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    build::build(&["--workspace"])?;
    lab("target/local", "simulate", arguments, None)
}

/// `./dev demo`.
pub(crate) fn demo(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    build::build(&["--workspace"])?;
    lab("target/local", "demo", arguments, None)
}

fn release(folder: &str, binaries: &[&str]) -> Result<(), Failure> {
    let selection = binaries.iter().map(|binary| format!("--bin={binary}"));
    let selection: Vec<String> = std::iter::once("--package=lab".to_owned()).chain(selection).collect();
    let folder = Path::new(folder);
    Release { architecture: own_architecture(), profile: "release", folder, selection: &selection }.build()
}

fn lab(folder: &str, command: &str, arguments: Vec<OsString>, moto: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let moto = moto.map(|programs| ("MOTO_PYTHON", programs.join("python")));
    become_program(Command::new(Path::new(folder).join("lab")).arg(command).args(arguments).envs(moto))
}
