//! `./dev up` on the command line.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use local::binaries;
use local::signals::StopSignals;
use local::up::{self, DatabaseChoice, GatewayOptions, QueueOptions, QueuedOptions, UpOptions};

use super::announcement::{announce, what_is_kept};
use super::{StateArguments, database_choice};
use crate::{Failure, say, tools};

#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    state: StateArguments,
    #[command(flatten)]
    gateways: GatewayOptions,
    /// Folder of the functions' binaries; by default where this program is
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Where the codes are: mysql, or dynamodb, played by dynoxide on a file, without MySQL
    #[arg(long, value_enum, default_value_t)]
    store: StoreName,
    /// Queued mode: POST sends to a queue (202), store-logs stores. moto plays SQS. The next run with this database
    /// delivers the messages that are not stored at the stop, even after kill -9. Only kill -9 of moto loses messages;
    /// on AWS the queue is durable
    #[arg(long)]
    queued: bool,
    /// Names of error codes for the page, as in examples/codes.json; by default codes.json, if it exists
    #[arg(long, value_name = "FILE")]
    code_names: Option<PathBuf>,
    #[command(flatten)]
    queue: QueueOptions,
}

/// A store, by its name on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum StoreName {
    #[default]
    Mysql,
    Dynamodb,
}

/// The store. Installs its program if that is missing.
fn database(store: StoreName) -> Result<DatabaseChoice, Failure> {
    match (store, database_choice()) {
        (StoreName::Mysql, DatabaseChoice::Private) => {
            tools::database_server()?;
            Ok(DatabaseChoice::Private)
        }
        (StoreName::Mysql, own) => Ok(own),
        (StoreName::Dynamodb, DatabaseChoice::Own(_)) => {
            Err("DATABASE_URL names a MySQL database; unset it for --store dynamodb".into())
        }
        (StoreName::Dynamodb, choice) => {
            if let DatabaseChoice::Secrets(file) = choice {
                say(&format!("{} names a MySQL database; --store dynamodb does not use it", file.display()));
            }
            Ok(DatabaseChoice::DynamoDb(dynoxide()?))
        }
    }
}

/// The program of dynoxide: the one in `DYNOXIDE`, else our own.
fn dynoxide() -> Result<PathBuf, Failure> {
    match std::env::var_os("DYNOXIDE").filter(|program| !program.is_empty()) {
        Some(program) => Ok(program.into()),
        None => tools::dynoxide(),
    }
}

pub(crate) async fn run(arguments: UpArguments) -> Result<ExitCode, Failure> {
    let state = arguments.state.state;
    let database = database(arguments.store)?;
    let moto_python = arguments.queued.then(moto_python).transpose()?;
    let functions = binaries::folder_of(&["post-log", "get-logs"], arguments.functions.as_deref())?;
    let options = UpOptions {
        state: state.clone(),
        functions,
        gateways: arguments.gateways,
        code_names: code_names(arguments.code_names.as_deref())?,
        database,
        queued: moto_python.map(|moto_python| QueuedOptions { moto_python, queue: arguments.queue }),
    };
    let progress = say;
    let mut signals = StopSignals::new()?;
    let mut running = tokio::select! {
        started = up::start(&options, progress) => started?,
        name = signals.next() => return Err(format!("stopped by {name} before everything was up").into()),
    };
    announce(running.endpoints(), running.state(), &running.messages());
    let failure = tokio::select! {
        name = signals.next() => {
            say(&format!("{name}: stopping"));
            None
        }
        error = running.keep_running(progress) => Some(error),
    };
    let messages = running.messages();
    let hurry = async {
        let name = signals.next().await;
        say(&format!("{name} again: what is open is cut off"));
    };
    let stopped = running.stop(hurry, progress).await;
    if let Ok(kept) = &stopped {
        say(&format!("stopped; {}", what_is_kept(*kept, &state, &messages)));
    }
    // The failure that ended the run matters more than one during the stop.
    failure.map_or(Ok(()), Err)?;
    stopped?;
    Ok(ExitCode::SUCCESS)
}

/// The text of the file with the names of error codes, if there is one.
fn code_names(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let path = file.unwrap_or(Path::new("codes.json"));
    match std::fs::read_to_string(path) {
        Ok(names) => Ok(Some(names)),
        Err(error) if error.kind() == ErrorKind::NotFound && file.is_none() => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display()).into()),
    }
}

/// Python with moto: the one in `MOTO_PYTHON`, else our own.
fn moto_python() -> Result<PathBuf, Failure> {
    match std::env::var_os("MOTO_PYTHON").filter(|python| !python.is_empty()) {
        Some(python) => Ok(python.into()),
        None => Ok(tools::python("moto")?.join("python")),
    }
}
