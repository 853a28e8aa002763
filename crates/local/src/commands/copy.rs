//! `./dev copy`: all codes and the ledger from MySQL to DynamoDB, or back.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use logs_core::dynamodb::{Copied, DynamoStore, TableSettings, WINDOW};
use logs_core::mysql::{DatabaseSettings, MySqlStore, NamedLogs};
use logs_core::{Deadline, LedgerEntry, Log};
use sha2::{Digest, Sha256};

use crate::{Failure, say};

/// One step may take so long, with all its tries.
const STEP_LIMIT: Duration = Duration::from_mins(1);

const REPORT_EVERY: Duration = Duration::from_secs(2);

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
        _ => Err("one of --from and --to is a URL mysql://…, and the other one is the name of a DynamoDB table".into()),
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
    let settings = TableSettings::from_environment(&env)?.ok_or("the name of the table is missing")?;
    Ok(DynamoStore::new(settings)?)
}

fn step() -> Deadline {
    Deadline::within(STEP_LIMIT)
}

async fn to_table(from: &str, to: &str) -> Result<ExitCode, Failure> {
    let (source, target) = (MySqlStore::new(&DatabaseSettings::from_url(from)?), table(to)?);
    let name = source_name(from);
    let last = source.last_id(step()).await?;
    let mut turn = 1;
    let copied = loop {
        copy_windows(&source, &target, &name, last).await?;
        let (there, copied) = count(&source, &target, &name, last).await?;
        if there == copied {
            break copied;
        }
        if turn == MAX_TURNS {
            return Err(
                format!("the database has {there} codes and the table has {copied} of them; run it again").into()
            );
        }
        turn += 1;
    };
    // Logs before keys: a key that is there stands for logs that are there.
    copy_ledger_to_table(&source, &target).await?;
    let stored = count_table(&target).await?;
    if stored < copied {
        return Err(
            format!("{copied} codes were copied, but the table holds {stored}; did its TTL delete old ones?").into()
        );
    }
    say(&format!("the database has {copied} codes; the table has all of them, and {stored} in all"));
    Ok(ExitCode::SUCCESS)
}

/// One turn over all windows.
async fn copy_windows(source: &MySqlStore, target: &DynamoStore, name: &str, last: u64) -> Result<(), Failure> {
    let (mut progress, mut position) = (Progress::new("codes"), 0);
    while let Some((window, logs)) = next_window(source, &mut position, last).await? {
        let new = target.copy_window(name, window, &logs, step()).await?;
        progress.add(logs.len(), new);
    }
    progress.end();
    Ok(())
}

/// How many codes the database has, and how many of them the table has.
async fn count(source: &MySqlStore, target: &DynamoStore, name: &str, last: u64) -> Result<(usize, usize), Failure> {
    let (mut there, mut copied, mut position) = (0, 0, 0);
    while let Some((window, logs)) = next_window(source, &mut position, last).await? {
        let ids: Vec<u64> = logs.iter().map(Log::error_log_id).collect();
        there += ids.len();
        copied += target.count_copied(name, window, &ids, step()).await?;
    }
    Ok((there, copied))
}

/// The next window that has logs, from the id `position` on. No id is above `last`.
async fn next_window(source: &MySqlStore, position: &mut u64, last: u64) -> Result<Option<(u64, Vec<Log>)>, Failure> {
    let Some(id) = source.next_id(*position, step()).await?.filter(|id| *id <= last) else { return Ok(None) };
    let window = id / WINDOW;
    *position = (window + 1) * WINDOW;
    let logs = source.logs_of(window * WINDOW..=last.min(*position - 1), step()).await?;
    Ok(Some((window, logs)))
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
    let (mut position, mut there) = (None, 0_usize);
    let (mut codes, mut keys) = (Progress::new("codes"), Progress::new("keys"));
    let mut ledger: Vec<LedgerEntry> = Vec::new();
    loop {
        let (items, next) = source.page_to_copy(position).await?;
        let mut waiting: Vec<NamedLogs> = Vec::new();
        for item in items {
            match item {
                Copied::Ledger(entry) => ledger.push(entry),
                Copied::Logs(name, logs) => waiting.push(NamedLogs { name, logs }),
            }
            if waiting.iter().map(|named| named.logs.len()).sum::<usize>() >= LOGS_PER_STEP {
                there += store(&target, &mut waiting, &mut codes).await?;
            }
        }
        there += store(&target, &mut waiting, &mut codes).await?;
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
    let copied = target.count_copied(step()).await?;
    if copied < there as u64 {
        return Err(format!("the table has {there} codes and the database has {copied} of them; run it again").into());
    }
    say(&format!("the table has {there} codes; the database has {copied} codes that were copied"));
    Ok(ExitCode::SUCCESS)
}

async fn store(target: &MySqlStore, waiting: &mut Vec<NamedLogs>, progress: &mut Progress) -> Result<usize, Failure> {
    if waiting.is_empty() {
        return Ok(0);
    }
    let count = waiting.iter().map(|named| named.logs.len()).sum();
    let new = target.copy_logs(waiting, step()).await?;
    progress.add(count, new);
    waiting.clear();
    Ok(count)
}

/// Tells one source from another in the table's notes: by host and database, not by user and password.
fn source_name(url: &str) -> String {
    let place = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    let hash = Sha256::digest(place.as_bytes());
    u64::from_be_bytes(std::array::from_fn(|place| hash[place])).to_string()
}

/// What a user sees while it runs.
struct Progress {
    what: &'static str,
    started: Instant,
    said: Instant,
    seen: usize,
    new: usize,
}

impl Progress {
    fn new(what: &'static str) -> Self {
        Self { what, started: Instant::now(), said: Instant::now(), seen: 0, new: 0 }
    }

    fn add(&mut self, seen: usize, new: usize) {
        self.seen += seen;
        self.new += new;
        if self.said.elapsed() >= REPORT_EVERY {
            self.said = Instant::now();
            self.say("so far");
        }
    }

    fn end(&self) {
        self.say("done");
    }

    fn say(&self, state: &str) {
        let rate = self.seen as u128 * 1_000 / self.started.elapsed().as_millis().max(1);
        let Self { what, seen, new, .. } = self;
        say(&format!("{state}: {seen} {what} read, {new} of them new at the target; {rate} a second"));
    }
}
