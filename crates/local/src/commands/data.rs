//! The commands that work on the data: `./dev migrate`, `retention`, `summarize`, `redrive` and `reset`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use local::database::end_left_behind;
use local::queue::{Queue, redrive};
use local::state::{Endpoints, StateFolder};
use logs_core::mysql::{
    DatabaseSettings, MigrationReport, MySqlStore, NEW_AFTER_DAYS, Retention, Summary, SummaryReport, migrate,
};
use logs_core::{Deadline, clock};

use super::{StateArguments, database_choice};
use crate::{Failure, say};

/// The time between two progress lines.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The same for the summary. Longer, because large steps are faster, and because a scheduled run may be in one.
const SUMMARIZE_FOR: Duration = Duration::from_secs(40);

#[derive(Args)]
pub(crate) struct RetentionArguments {
    #[command(flatten)]
    state: StateArguments,
    /// Days to keep idempotency keys in the ledger
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u16).range(1..))]
    batches: u16,
    /// Days to keep logs; without it, for ever
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    logs: Option<u16>,
}

#[derive(Args)]
pub(crate) struct SummarizeArguments {
    #[command(flatten)]
    state: StateArguments,
    /// Count everything in the table again; rows that retention has deleted are no longer counted
    #[arg(long)]
    rebuild: bool,
}

/// Like the function `migrate`, but without creating users and without Lambda's limit of 15 minutes.
pub(crate) async fn migrate_own() -> Result<ExitCode, Failure> {
    let url = database_choice().own_url()?;
    let url = url.ok_or("set DATABASE_URL, or copy secrets.example.json to secrets.json: which database is meant?")?;
    say("migrating; a large table takes its time");
    let MigrationReport { applied, version, .. } = migrate(&DatabaseSettings::from_url(&url)?).await?;
    let applied = match applied.len() {
        0 => "there was nothing to do".to_owned(),
        count => format!("{count} migrations were applied"),
    };
    say(&format!("{applied}; the schema has version {version}"));
    Ok(ExitCode::SUCCESS)
}

/// Like the function `retention`.
pub(crate) async fn delete_old(arguments: &RetentionArguments) -> Result<ExitCode, Failure> {
    let store = store_in_use(&arguments.state, "which deletes what is old by itself (TTL)")?;
    let retention = Retention::of_days(clock::unix_seconds(), arguments.batches, arguments.logs);
    let (mut batches, mut logs) = (0, 0);
    loop {
        let report = store.delete_old(retention, Deadline::within(REPORT_EVERY)).await?;
        batches += report.batches;
        logs += report.logs;
        let so_far = if report.complete { "deleted" } else { "deleted so far" };
        say(&format!("{so_far}: {batches} rows of the ledger, {logs} logs"));
        if report.complete {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Like the function `summarize`, without announcing new codes.
pub(crate) async fn summarize(arguments: &SummarizeArguments) -> Result<ExitCode, Failure> {
    let store = store_in_use(&arguments.state, "which has no summary")?;
    if arguments.rebuild {
        store.start_rebuild(Deadline::within(SUMMARIZE_FOR)).await?;
    }
    let mut all = 0;
    loop {
        let summary = Summary { now: clock::unix_seconds(), new_after_days: NEW_AFTER_DAYS };
        let report = store.summarize(summary, Deadline::within(SUMMARIZE_FOR)).await?;
        let SummaryReport { counted, backlog, complete, .. } = report;
        all += counted;
        if complete {
            say(&format!("counted: {all} logs; the summary is complete"));
            return Ok(ExitCode::SUCCESS);
        }
        say(&format!("counted so far: {all} logs; {backlog} are left"));
    }
}

/// The store on the developer's own database, or on that of a running `./dev up`. `dynamodb` explains why a table has no
/// use for the command.
fn store_in_use(state: &StateArguments, dynamodb: &str) -> Result<MySqlStore, Failure> {
    let url = match database_choice().own_url()? {
        Some(url) => url,
        None => {
            Endpoints::of_running(&state.state).map_err(|error| format!("{error}, or set DATABASE_URL"))?.database_url
        }
    };
    if url.is_empty() {
        return Err(format!("what is running stores in DynamoDB, {dynamodb}").into());
    }
    Ok(MySqlStore::new(&DatabaseSettings::from_url(&url)?))
}

/// Like `aws sqs start-message-move-task` on AWS.
pub(crate) async fn bring_back(state: &Path) -> Result<ExitCode, Failure> {
    let not_running = || format!("nothing is running in {}; start ./dev up --queued", state.display());
    let endpoints = Endpoints::of_running(state).map_err(|_| not_running())?;
    let direct = "what is running has no queue, so there are no dead letters; it was started without --queued";
    let queue = endpoints.queue.ok_or(direct)?;
    let dead_letters = Queue::dead_letters_of_running(&queue);
    let progress = |moved| say(&format!("brought back so far: {moved} dead letters"));
    // After kill -9 the file is still there.
    let moved = redrive(&dead_letters, &Queue::of_running(&queue), progress).await;
    let moved = moved.map_err(|error| format!("{error}; is ./dev up --queued still running?"))?;
    say(&format!("{moved} dead letters are in the queue again"));
    Ok(ExitCode::SUCCESS)
}

/// Deletes what runs in this folder have left.
pub(crate) async fn reset(state: &Path) -> Result<ExitCode, Failure> {
    if state.exists() {
        let state = StateFolder::open(state)?;
        end_left_behind(&state.database()).await?;
        state.forget()?;
    }
    say(&format!("{} is forgotten: data, keys and logs", state.display()));
    Ok(ExitCode::SUCCESS)
}
