//! The command behind `./dev`.

mod serve;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use local::database::end_left_behind;
use local::queue::{Queue, redrive};
use local::state::{Endpoints, StateFolder};
use local::up::DatabaseChoice;
use local::with_database;
use logs_core::mysql::{DatabaseSettings, MigrationReport, MySqlStore, Retention, migrate};
use logs_core::{Deadline, clock};

#[derive(Parser)]
#[command(bin_name = "./dev", about = "Both functions behind local gateways, on a private database server")]
struct CommandLine {
    /// The folder for data, keys and logs
    #[arg(long, default_value = ".local", global = true)]
    state: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve both APIs until Ctrl-C
    Up(serve::UpArguments),
    /// Bring the schema of the database that `DATABASE_URL` or secrets.json names up to date
    Migrate,
    /// Delete old rows from the database that `DATABASE_URL` or secrets.json names, or that ./dev up is running
    Retention(RetentionArguments),
    /// Bring the dead letters of a running ./dev up --queued back to its queue
    Redrive,
    /// Forget data, keys and logs
    Reset,
    /// Run a command with `DATABASE_SERVER_URL` set to a new, empty server, which is thrown away afterwards
    WithDatabase {
        /// The command and its arguments
        #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

#[derive(Args)]
struct RetentionArguments {
    /// Days that the ledger remembers an idempotency key
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u16).range(1..))]
    batches: u16,
    /// Days that logs are kept; without it for ever
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    logs: Option<u16>,
}

/// How long one run of deletions takes before it says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { state, command } = CommandLine::parse();
    let result = match command {
        // In a box: it holds all that runs.
        Command::Up(up) => Box::pin(serve::run(&state, up)).await,
        Command::Migrate => migrate_own().await,
        Command::Retention(days) => delete_old(&state, &days).await,
        Command::Redrive => bring_back(&state).await,
        Command::Reset => reset(&state).await,
        Command::WithDatabase { command } => with_database::run(&command).await,
    };
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "dev: {error}");
        ExitCode::FAILURE
    })
}

/// A line for people. Nobody may be there to read it: a closed terminal must not keep us from stopping cleanly.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn database_choice() -> DatabaseChoice {
    let secrets = PathBuf::from("secrets.json");
    let is_there = secrets.symlink_metadata().is_ok();
    match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        Some(url) => DatabaseChoice::Own(url),
        None if is_there => DatabaseChoice::Secrets(secrets),
        None => DatabaseChoice::Private,
    }
}

/// As the function `migrate` does, without its users and without Lambda's limit of 15 minutes.
async fn migrate_own() -> Result<ExitCode, Failure> {
    let url = database_choice().own_url()?;
    let url = url.ok_or("set DATABASE_URL, or copy secrets.example.json to secrets.json: which database is meant?")?;
    say("dev: migrating; a large table takes its time");
    let MigrationReport { applied, version, .. } = migrate(&DatabaseSettings::from_url(&url)?).await?;
    let applied = match applied.len() {
        0 => "there was nothing to do".to_owned(),
        count => format!("{count} migrations were applied"),
    };
    say(&format!("dev: {applied}; the schema has version {version}"));
    Ok(ExitCode::SUCCESS)
}

/// As the function `retention` does.
async fn delete_old(state: &Path, days: &RetentionArguments) -> Result<ExitCode, Failure> {
    let url = match database_choice().own_url()? {
        Some(url) => url,
        None => Endpoints::of_running(state)?.database_url,
    };
    let store = MySqlStore::new(&DatabaseSettings::from_url(&url)?);
    let retention = Retention::of_days(clock::unix_seconds(), days.batches, days.logs);
    let (mut batches, mut logs) = (0, 0);
    loop {
        let report = store.delete_old(retention, Deadline::within(REPORT_EVERY)).await?;
        batches += report.batches;
        logs += report.logs;
        let so_far = if report.complete { "deleted" } else { "deleted so far" };
        say(&format!("dev: {so_far}: {batches} rows of the ledger, {logs} logs"));
        if report.complete {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// As `aws sqs start-message-move-task` does on AWS.
async fn bring_back(state: &Path) -> Result<ExitCode, Failure> {
    let not_running = || format!("nothing is running in {}; start ./dev up --queued", state.display());
    let endpoints = Endpoints::of_running(state).map_err(|_| not_running())?;
    let direct = "what is running has no queue, so there are no dead letters; it was started without --queued";
    let queue = endpoints.queue.ok_or(direct)?;
    let dead_letters = Queue::dead_letters_of_running(&queue);
    let progress = |moved| say(&format!("dev: brought back so far: {moved} dead letters"));
    // After kill -9 the file is still there.
    let moved = redrive(&dead_letters, &Queue::of_running(&queue), progress).await;
    let moved = moved.map_err(|error| format!("{error}; is ./dev up --queued still running?"))?;
    say(&format!("dev: {moved} dead letters are in the queue again"));
    Ok(ExitCode::SUCCESS)
}

async fn reset(state: &Path) -> Result<ExitCode, Failure> {
    if state.exists() {
        let state = StateFolder::open(state)?;
        end_left_behind(&state.database()).await?;
        state.forget()?;
    }
    say(&format!("dev: {} is forgotten: data, keys and logs", state.display()));
    Ok(ExitCode::SUCCESS)
}
