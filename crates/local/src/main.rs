//! The command behind `./dev`.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use local::database::end_left_behind;
use local::signals::StopSignals;
use local::state::{Endpoints, StateFolder};
use local::up::{self, DatabaseChoice, UpOptions};
use local::with_database;
use logs_core::mysql::{MigrationReport, Retention, Store, migrate};
use logs_core::settings::DatabaseSettings;
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
    Up(UpArguments),
    /// Bring the schema of the database that `DATABASE_URL` or secrets.json names up to date
    Migrate,
    /// Delete old rows from the database that `DATABASE_URL` or secrets.json names, or that ./dev up is running
    Retention(RetentionArguments),
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
#[command(args_override_self = true)]
struct UpArguments {
    /// Port of the POST gateway; 0 takes any
    #[arg(long, default_value_t = 9001)]
    post_port: u16,
    /// Port of the GET gateway; 0 takes any
    #[arg(long, default_value_t = 9000)]
    get_port: u16,
    /// Environments per function; beyond that 502, as API Gateway answers
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// Seconds that a function may take
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=29))]
    timeout: u64,
    /// Seconds that get-logs answers with the list it has; 0 reads it anew each time
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(0..=60))]
    cache: u8,
    /// Usage plan: requests a second per key
    #[arg(long, default_value = "10000")]
    rate: NonZeroU32,
    /// Usage plan: requests at once per key
    #[arg(long, default_value = "5000")]
    burst: NonZeroU32,
    /// Folder of the binaries post-log and get-logs; by default where this program is
    #[arg(long)]
    functions: Option<PathBuf>,
}

#[derive(Args)]
struct RetentionArguments {
    /// Days that the ledger remembers an idempotency key
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..))]
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
        Command::Up(up) => serve(&state, up).await,
        Command::Migrate => migrate_own().await,
        Command::Retention(days) => delete_old(&state, &days).await,
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

async fn serve(state: &Path, arguments: UpArguments) -> Result<ExitCode, Failure> {
    let functions = match arguments.functions {
        Some(folder) => folder,
        None => std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let options = UpOptions {
        state: state.to_owned(),
        functions,
        post_port: arguments.post_port,
        get_port: arguments.get_port,
        concurrency: arguments.concurrency.into(),
        timeout: Duration::from_secs(arguments.timeout),
        cache: arguments.cache,
        rate: arguments.rate,
        burst: arguments.burst,
        database: database_choice(),
    };
    let progress = |step: &str| say(&format!("dev: {step}"));
    let mut signals = StopSignals::new()?;
    let mut running = tokio::select! {
        started = up::start(&options, progress) => started?,
        name = signals.next() => return Err(format!("stopped by {name} before everything was up").into()),
    };
    announce(running.endpoints(), running.state().path());
    let outcome = tokio::select! {
        name = signals.next() => {
            say(&format!("dev: {name}: stopping"));
            Ok(ExitCode::SUCCESS)
        }
        error = running.keep_database_running(progress) => Err(error.into()),
    };
    running
        .stop(async {
            let name = signals.next().await;
            say(&format!("dev: {name} again: open requests are cut off"));
        })
        .await;
    say(&format!("dev: stopped; the data is kept in {}, ./dev reset forgets it", state.display()));
    outcome
}

fn database_choice() -> DatabaseChoice {
    let secrets = PathBuf::from("secrets.json");
    let is_there = secrets.symlink_metadata().is_ok();
    match std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        Some(url) => DatabaseChoice::Own(url),
        None if is_there => DatabaseChoice::Secrets(secrets),
        None => DatabaseChoice::Private,
    }
}

fn announce(endpoints: &Endpoints, state: &Path) {
    let Endpoints { post, get, .. } = endpoints;
    let record = r#"[{"deviceID":"any_device_token","err":107,"timestamp":1514864773}]"#;
    say(&format!(
        "\npost-log  {}\n          x-api-key: {}\nget-logs  {}\n          x-api-key: {}\n\n\
         Paste these:\n\n  curl -i {} -H 'x-api-key: {}' \\\n    -d '{record}'\n\n  curl -i {} -H 'x-api-key: {}'\n\n\
         Logs: {}   Ctrl-C stops everything.",
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        post.url,
        post.api_key,
        get.url,
        get.api_key,
        state.join("logs").display(),
    ));
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
    let store = Store::new(&DatabaseSettings::from_url(&url)?);
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

async fn reset(state: &Path) -> Result<ExitCode, Failure> {
    if state.exists() {
        let state = StateFolder::open(state)?;
        end_left_behind(&state.database()).await?;
        state.forget()?;
    }
    say(&format!("dev: {} is forgotten: data, keys and logs", state.display()));
    Ok(ExitCode::SUCCESS)
}
