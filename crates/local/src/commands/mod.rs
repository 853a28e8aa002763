//! The commands of `./dev`. Longer ones have a module each.

mod announcement;
mod aws;
mod build;
pub(crate) mod copy;
pub(crate) mod costs;
pub(crate) mod data;
mod database_server;
pub(crate) mod deployment;
pub(crate) mod lab;
pub(crate) mod package;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod up;
mod zips;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;
use local::up::DatabaseChoice;

use crate::Failure;

/// The state folder of a `./dev up`.
#[derive(Args)]
pub(crate) struct StateArguments {
    /// The folder for data, keys and logs
    #[arg(long, value_name = "FOLDER", default_value = ".local")]
    pub(crate) state: PathBuf,
}

/// Arguments that go to another program.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    ignored: Vec<OsString>,
}

impl PassedOn {
    /// The arguments exactly as typed: clap would drop the first `--`.
    pub(crate) fn arguments() -> Vec<OsString> {
        std::env::args_os().skip(2).collect()
    }
}

/// The database that `DATABASE_URL` or `secrets.json` names; else the private one.
fn database_choice() -> DatabaseChoice {
    let secrets = PathBuf::from("secrets.json");
    let is_there = secrets.symlink_metadata().is_ok();
    match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        Some(url) => DatabaseChoice::Own(url),
        None if is_there => DatabaseChoice::Secrets(secrets),
        None => DatabaseChoice::Private,
    }
}

/// Replaces this process by another program (exec), which then gets our signals and sets our exit status. Returns only on
/// failure.
fn become_program(command: &mut Command) -> Result<ExitCode, Failure> {
    let error = command.exec();
    Err(format!("{} cannot be run: {error}", command.get_program().display()).into())
}
