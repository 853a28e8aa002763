//! The command behind `./dev bench`: what the functions cost beyond an empty function and the bare statements.
//!
//! [`functions`] sets up the functions, their databases and a [`stub`] for AWS, and [`caller`] drives one of them. Each
//! of [`cold_start`] (with its [`steps`]), [`post`], [`pairs`], [`get`], [`summary`], [`queries`], [`memory`] and [`size`]
//! measures one thing and returns each figure as a [`line`] of the [`report`]. [`dynamodb`] does the same on a table, and
//! counts its units. A missed target is a mark in the report; it never makes the command fail.

mod caller;
mod cold_start;
mod dynamodb;
mod event;
mod functions;
mod get;
mod line;
mod memory;
mod pairs;
mod post;
mod queries;
mod report;
mod samples;
mod size;
mod steps;
mod stub;
mod summary;

use std::path::{Path, PathBuf};

use clap::Args;
use local::progress::Progress;

use crate::bench::caller::Caller;
use crate::bench::functions::{EMPTY, FUNCTIONS, Functions, MANY_ROWS, Mode, WRITTEN};
use crate::bench::report::Report;
use crate::error::LabError;
use crate::testbed::{self, RunOptions, Setup, Store, StoreName, Testbed};

/// In megabytes.
const MAX_MEMORY: f64 = 16.0;

#[derive(Args)]
pub(crate) struct Options {
    /// How often to measure everything; a median of fewer than 100 rounds is not worth much
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rounds: u32,
    /// A look in a few seconds: 20 rounds
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    #[command(flatten)]
    run: RunOptions,
    /// Also measure post-log and get-logs in turns with another build, in this folder; only on MySQL
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
}

pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    let store = options.run.store;
    if store == StoreName::Dynamodb && options.against.is_some() {
        return Err("--against needs --store mysql".into());
    }
    let functions = match store {
        StoreName::Mysql => &FUNCTIONS[..],
        StoreName::Dynamodb => &dynamodb::FUNCTIONS[..],
    };
    let functions = [functions, &[EMPTY]].concat();
    let setup = Setup { tls: true, ..Setup::new(progress, &functions, &options.run) };
    let rounds = if options.quick { 20 } else { options.rounds };
    let other_build = options.against.as_deref();
    testbed::run(setup, async |testbed| match &testbed.store {
        Store::MySql(_) => measure(testbed, rounds, other_build).await,
        Store::DynamoDb(table) => dynamodb::measure(testbed, table, rounds, options.quick).await,
    })
    .await
}

async fn measure(testbed: &Testbed, rounds: u32, other_build: Option<&Path>) -> Result<Report, LabError> {
    let progress = testbed.progress;
    progress.say("migrating, and filling a table with 1,000 rows and one with 1,000,000");
    let functions = Functions::prepare(testbed).await?;
    let mut lines = Vec::new();
    progress.say("cold starts");
    lines.extend(cold_start::measure(&functions, rounds).await?);
    progress.say("POST of 1, 100 and 1000 codes");
    lines.extend(post::measure(&functions, rounds).await?);
    lines.extend(pairs::lines_and_array(&functions, rounds).await?);
    if let Some(other) = other_build {
        progress.say(&format!("in turns with the build in {}", other.display()));
        lines.extend(pairs::two_builds(&functions, other, rounds).await?);
    }
    progress.say("GET with 1,000 and with 1,000,000 rows");
    lines.extend(get::measure(&functions, rounds).await?);
    progress.say("summarize");
    lines.extend(summary::measure(&functions, rounds).await?);
    progress.say("GET of one device, of one code, of a deep page, of the summary");
    lines.extend(queries::measure(&functions, rounds).await?);
    progress.say("memory");
    let start = |function, database, mode| Caller::start(&functions, function, database, mode);
    let sides = memory::Sides {
        // With a secret and TLS as in production: both take memory.
        empty: start(EMPTY, WRITTEN, Mode::Secret).await?,
        post_log: start("post-log", WRITTEN, Mode::Secret).await?,
        queued: Some(start("post-log", WRITTEN, Mode::Queue).await?),
        get_logs: start("get-logs", MANY_ROWS, Mode::Secret).await?,
    };
    lines.extend(memory::measure(sides, MAX_MEMORY).await?);
    progress.say("sizes");
    let programs = FUNCTIONS.map(|name| (name, functions.program(name)));
    lines.extend(size::measure(&functions.program(EMPTY), &programs)?);
    Ok(Report::new(testbed.store.name().to_owned(), rounds, lines))
}
