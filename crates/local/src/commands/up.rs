//! `./dev up` on the command line.

use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use local::binaries;
use local::queue::RedrivePolicy;
use local::signals::StopSignals;
use local::up::{self, DatabaseChoice, QueuedOptions, UpOptions};

use super::announcement::{announce, what_is_kept};
use super::{StateArguments, database_choice};
use crate::{Failure, say, tools};

#[derive(Args)]
#[command(args_override_self = true)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    state: StateArguments,
    /// Port of the POST gateway; 0 takes any
    #[arg(long, default_value_t = 9001)]
    post_port: u16,
    /// Port of the GET gateway; 0 takes any
    #[arg(long, default_value_t = 9000)]
    get_port: u16,
    /// Environments per function; when all are busy, the answer is 502 as from API Gateway
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// Events that an environment of post-log or get-logs handles at once, as on Lambda Managed Instances
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    events_per_environment: u16,
    /// Seconds that post-log and get-logs may take
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=29))]
    timeout: u64,
    /// Seconds for which get-logs caches a list; 0 reads it for each request
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(0..=60))]
    cache: u8,
    /// Codes a minute that post-log takes of each device; 0 takes any number
    #[arg(long, default_value_t = 0, value_name = "CODES", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    device_rate: u32,
    /// Usage plan: requests a second per key
    #[arg(long, default_value = "10000")]
    rate: NonZeroU32,
    /// Usage plan: requests at once per key
    #[arg(long, default_value = "5000")]
    burst: NonZeroU32,
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
    /// Queued: seconds to gather a batch, from its first message on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=300), requires = "queued")]
    batch_window: u64,
    /// Queued: invocations of store-logs at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000), requires = "queued")]
    queue_concurrency: u16,
    /// Queued: tries before a message becomes a dead letter; each run counts from zero
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "queued")]
    max_receive_count: u32,
    /// Queued: seconds until a failed message is tried again (181 on AWS)
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=43200), requires = "queued")]
    visibility_timeout: u32,
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
        post_port: arguments.post_port,
        get_port: arguments.get_port,
        concurrency: arguments.concurrency.into(),
        events_per_environment: arguments.events_per_environment.into(),
        timeout: Duration::from_secs(arguments.timeout),
        cache: arguments.cache,
        device_rate: arguments.device_rate,
        rate: arguments.rate,
        burst: arguments.burst,
        code_names: code_names(arguments.code_names.as_deref())?,
        database,
        queued: moto_python.map(|moto_python| QueuedOptions {
            moto_python,
            batch_window: Duration::from_secs(arguments.batch_window),
            concurrency: arguments.queue_concurrency.into(),
            redrive_policy: RedrivePolicy {
                visibility_timeout: arguments.visibility_timeout,
                max_receive_count: arguments.max_receive_count,
            },
        }),
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
