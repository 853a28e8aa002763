//! The commands in the crate `lab`: builds it, and replaces this process by it (exec).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::build::{self, Release, own_architecture, release_folder};
use super::{become_program, zips};
use crate::{Failure, say, tools};

/// Builds the lab and runs one of its commands.
pub(crate) fn run(command: &str, arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    // The client of device-test has its own arguments, behind `--`.
    let own = arguments.split(|argument| argument == "--").next().unwrap_or_default();
    let wants_help = own.iter().any(|argument| argument == "--help" || argument == "-h");
    match command {
        "bench" if !wants_help => bench(arguments),
        "load" if !wants_help => load(arguments),
        _ => {
            let tools = if wants_help { Vec::new() } else { tools(command, own)? };
            build::build(&["--workspace"])?;
            lab("target/local", command, arguments, tools)
        }
    }
}

fn tools(command: &str, arguments: &[OsString]) -> Result<Vec<Tool>, Failure> {
    let mut tools = match command {
        "chaos" | "device-test" => store(arguments)?,
        _ => Vec::new(),
    };
    if command == "chaos" && arguments.iter().any(|argument| argument == "--queued") {
        tools.push(moto()?);
    }
    Ok(tools)
}

fn bench(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let tools = store(&arguments)?;
    // In two calls: in one, cargo would give the functions the features that the benchmark needs.
    zips::measured()?;
    say("building the benchmark");
    release("target/bench", &["lab", "empty-function"])?;
    lab(&release_folder(), "bench", arguments, tools)
}

fn load(arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let mut tools = store(&arguments)?;
    tools.push(moto()?);
    // As in `bench`, unless the user names other binaries.
    if !arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(b"--functions")) {
        zips::measured()?;
    }
    say("building the load generator");
    release("target/load", &["lab"])?;
    lab(&release_folder(), "load", arguments, tools)
}

fn release(folder: &str, binaries: &[&str]) -> Result<(), Failure> {
    let selection = binaries.iter().map(|binary| format!("--bin={binary}"));
    let selection: Vec<String> = std::iter::once("--package=lab".to_owned()).chain(selection).collect();
    let folder = Path::new(folder);
    Release { architecture: own_architecture(), profile: "release", folder, selection: &selection }.build()
}

/// A program for the lab, with the environment variable that names it.
type Tool = (&'static str, PathBuf);

/// Installs the server of the store that the arguments ask for.
fn store(arguments: &[OsString]) -> Result<Vec<Tool>, Failure> {
    let is_named = |pair: &[OsString]| pair[0] == "--store" && pair[1] == "dynamodb";
    if arguments.windows(2).any(is_named) || arguments.iter().any(|argument| argument == "--store=dynamodb") {
        return Ok(vec![("DYNOXIDE", tools::dynoxide()?)]);
    }
    tools::database_server()?;
    Ok(Vec::new())
}

fn moto() -> Result<Tool, Failure> {
    Ok(("MOTO_PYTHON", tools::python("moto")?.join("python")))
}

fn lab(folder: &str, command: &str, arguments: Vec<OsString>, tools: Vec<Tool>) -> Result<ExitCode, Failure> {
    become_program(Command::new(Path::new(folder).join("lab")).arg(command).args(arguments).envs(tools))
}
