//! `./dev copy`: all codes and the ledger from MySQL to DynamoDB, or back.

mod progress;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use logs_core::dynamodb::{Copied, DynamoStore, TableSettings, WINDOW};
use logs_core::mysql::{DatabaseSettings, MySqlStore, NamedLogs};
use logs_core::{Deadline, LedgerEntry, Log, StoreIdentity};

use self::progress::Progress;
use crate::{Failure, say};

/// One step may take so long, with all its tries.
const STEP_LIMIT: Duration = Duration::from_mins(1);

/// A code that was committed late is found by the next turn.
const MAX_TURNS: u32 = 3;

/// A transaction into MySQL has about so many logs.
const LOGS_PER_STEP: usize = 2_000;

#[derive(Args)]
pub(crate) struct CopyArguments {
    /// Where the codes are: mysql://user:password@host:port/database, or the name of a DynamoDB table
    #[arg(long, value_name = "URL|TABLE")]
    from: String,
    /// Where they go: the other of the two. For the table, region, credentials and endpoint come from the AWS_ variables,
    /// `TABLE_SHARDS`, `BATCH_RETENTION_DAYS` and `LOG_RETENTION_DAYS` as the stage has them
    #[arg(long, value_name = "TABLE|URL")]
    to: String,
}

/// Copies, and counts both sides. It can be stopped and run again at any time: nothing is copied twice.
pub(crate) async fn run(arguments: &CopyArguments) -> Result<ExitCode, Failure> {
    let CopyArguments { from, to } = arguments;
    match (is_database(from), is_database(to)) {
        (true, false) => to_table(from, to).await,
        (false, true) => to_database(from, to).await,
        (true, true) => {
            Err("both --from and --to are databases; one of them must be the name of a DynamoDB table".into())
        }
        (false, false) => Err("both --from and --to are tables; one of them must be a URL mysql://…".into()),
    }
}

fn is_database(name: &str) -> bool {
    name.contains("://")
}

fn table(name: &str) -> Result<DynamoStore, Failure> {
    let env = |variable: &str| match variable {
        "TABLE_NAME" => Some(name.to_owned()),
        "DATABASE_URL" | "DB_SECRET_ARN" => None,
        variable => std::env::var(variable).ok(),
    };
    let settings = TableSettings::from_environment(&env).map_err(|error| format!("the table {name:?}: {error}"))?;
    let settings = settings.ok_or("the name of the table is missing")?;
    Ok(DynamoStore::new(settings)?)
}

fn step() -> Deadline {
    Deadline::within(STEP_LIMIT)
}

async fn to_table(from: &str, to: &str) -> Result<ExitCode, Failure> {
    let (source, target) = (MySqlStore::new(&DatabaseSettings::from_url(from)?), table(to)?);
    let last = source.last_id(step()).await?;
    let windows = Windows { from: source.identity(step()).await?, to: target.identity(step()).await?, last, source };
    let mut turn = 1;
    let Count { copied, from_target, .. } = loop {
        windows.copy(&target).await?;
        let count = windows.count(&target).await?;
        let Count { there, copied, .. } = count;
        if there == copied {
            break count;
        }
        if turn == MAX_TURNS {
            return Err(
                format!("the database has {there} codes and the table has {copied} of them; run it again").into()
            );
        }
        turn += 1;
    };
    // Logs before keys: a key that is there stands for logs that are there.
    copy_ledger_to_table(&windows.source, &target).await?;
    let stored = count_table(&target).await?;
    if stored < copied {
        return Err(
            format!("{copied} codes were copied, but the table holds {stored}; did its TTL delete old ones?").into()
        );
    }
    say(&format!("the database has {copied} codes; the table has all of them, and {stored} in all"));
    say_what_is_left_out(from_target);
    Ok(ExitCode::SUCCESS)
}

fn say_what_is_left_out(from_target: usize) {
    if from_target > 0 {
        say(&format!("{from_target} more codes came from there, and are not copied back"));
    }
}

/// The windows of a database whose codes go to a table.
struct Windows {
    source: MySqlStore,
    /// No id is above it.
    last: u64,
    from: StoreIdentity,
    to: StoreIdentity,
}

/// Codes of the database: how many are to be copied, how many of them the table has, and how many came from the table.
#[derive(Clone, Copy, Default)]
struct Count {
    there: usize,
    copied: usize,
    from_target: usize,
}

impl Windows {
    /// One turn over all windows.
    async fn copy(&self, target: &DynamoStore) -> Result<(), Failure> {
        let (mut progress, mut position) = (Progress::new("codes"), 0);
        while let Some((window, logs, _)) = self.next(&mut position).await? {
            let new = target.copy_window(self.from, window, &logs, step()).await?;
            progress.add(logs.len(), new);
        }
        progress.end();
        Ok(())
    }

    async fn count(&self, target: &DynamoStore) -> Result<Count, Failure> {
        let (mut count, mut position) = (Count::default(), 0);
        while let Some((window, logs, from_target)) = self.next(&mut position).await? {
            let ids: Vec<u64> = logs.iter().map(Log::error_log_id).collect();
            count.there += ids.len();
            count.copied += target.count_copied(self.from, window, &ids, step()).await?;
            count.from_target += from_target;
        }
        Ok(count)
    }

    /// The next window that has logs, from the id `position` on: those to be copied, and how many came from the target.
    async fn next(&self, position: &mut u64) -> Result<Option<(u64, Vec<Log>, usize)>, Failure> {
        let next = self.source.next_id(*position, step()).await?;
        let Some(id) = next.filter(|id| *id <= self.last) else { return Ok(None) };
        let window = id / WINDOW;
        *position = (window + 1) * WINDOW;
        let ids = window * WINDOW..=self.last.min(*position - 1);
        let (logs, from_target) = self.source.logs_of(ids, self.to, step()).await?;
        Ok(Some((window, logs, from_target)))
    }
}

async fn count_table(table: &DynamoStore) -> Result<usize, Failure> {
    let (mut count, mut position) = (0, None);
    loop {
        let (logs, next) = table.page(position).await?;
        count += logs.len();
        if next.is_none() {
            return Ok(count);
        }
        position = next;
    }
}

async fn copy_ledger_to_table(source: &MySqlStore, target: &DynamoStore) -> Result<(), Failure> {
    let (mut after, mut progress) = (Vec::new(), Progress::new("keys"));
    loop {
        let (entries, last) = source.ledger_after(&after, step()).await?;
        let new = target.copy_ledger(&entries, step()).await?;
        progress.add(entries.len(), new);
        let Some(last) = last else { break };
        after = last;
    }
    progress.end();
    Ok(())
}

async fn to_database(from: &str, to: &str) -> Result<ExitCode, Failure> {
    let (source, target) = (table(from)?, MySqlStore::new(&DatabaseSettings::from_url(to)?));
    let (from, to) = (source.identity(step()).await?, target.identity(step()).await?);
    let (mut position, mut there, mut from_target) = (None, 0_usize, 0);
    let (mut codes, mut keys) = (Progress::new("codes"), Progress::new("keys"));
    let mut ledger: Vec<LedgerEntry> = Vec::new();
    loop {
        let (items, next) = source.page_to_copy(position).await?;
        let mut waiting: Vec<NamedLogs> = Vec::new();
        for item in items {
            match item {
                Copied::Ledger(entry) => ledger.push(entry),
                Copied::Messages(_) => {}
                Copied::Logs { source, logs, .. } if source == Some(to) => from_target += logs.len(),
                Copied::Logs { name, logs, .. } => waiting.push(NamedLogs { name: format!("{from}/{name}"), logs }),
            }
            if waiting.iter().map(|named| named.logs.len()).sum::<usize>() >= LOGS_PER_STEP {
                there += store(&target, from, &mut waiting, &mut codes).await?;
            }
        }
        there += store(&target, from, &mut waiting, &mut codes).await?;
        let new = target.copy_ledger(&ledger, step()).await?;
        keys.add(ledger.len(), usize::try_from(new).unwrap_or(usize::MAX));
        ledger.clear();
        if next.is_none() {
            break;
        }
        position = next;
    }
    codes.end();
    keys.end();
    let copied = target.count_copied(from, step()).await?;
    if copied < there as u64 {
        return Err(format!("the table has {there} codes and the database has {copied} of them; run it again").into());
    }
    say(&format!("the table has {there} codes; the database has {copied} codes that were copied"));
    say_what_is_left_out(from_target);
    Ok(ExitCode::SUCCESS)
}

async fn store(
    target: &MySqlStore,
    from: StoreIdentity,
    waiting: &mut Vec<NamedLogs>,
    progress: &mut Progress,
) -> Result<usize, Failure> {
    if waiting.is_empty() {
        return Ok(0);
    }
    let count = waiting.iter().map(|named| named.logs.len()).sum();
    let new = target.copy_logs(from, waiting, step()).await?;
    progress.add(count, new);
    waiting.clear();
    Ok(count)
}
