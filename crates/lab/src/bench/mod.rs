//! The command behind `./dev bench`: what the functions take, against what nobody can save.
//!
//! The flow: [`functions`] knows the functions, their databases and a [`stub`] for AWS; [`cold_start`] with its [`steps`],
//! [`post`], [`pairs`], [`get`], [`summary`], [`queries`], [`memory`] and [`size`] measure, with [`caller`] for the
//! functions; each gives the [`report`] some lines. [`dynamodb`] does the same on a table, and counts its units. Time is
//! never asserted: a missed target is a mark in the table.

mod caller;
mod cold_start;
mod dynamodb;
mod event;
mod functions;
mod get;
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

use crate::bench::functions::{EMPTY, FUNCTIONS, Functions};
use crate::bench::report::Report;
use crate::error::LabError;
use crate::testbed::{self, Setup, Store, StoreName, Testbed};

/// Megabytes.
const MAX_ZIP: f64 = 3.5;

#[derive(Args)]
pub(crate) struct Options {
    /// How often everything is measured; a median of fewer than 100 is not worth much
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rounds: u32,
    /// A look in a few seconds: 20 rounds
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Where the codes are: mysql, or dynamodb, played by dynoxide on a file
    #[arg(long, value_enum, default_value_t)]
    store: StoreName,
    /// Also write the figures to this file, for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder of the functions' binaries and of empty-function; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
    /// Also measure post-log and get-logs in turns with those of another build, in this folder; on MySQL
    #[arg(long, value_name = "FOLDER")]
    against: Option<PathBuf>,
}

pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    if options.store == StoreName::Dynamodb && options.against.is_some() {
        return Err(LabError::OnlyMySql("--against"));
    }
    let functions = match options.store {
        StoreName::Mysql => &FUNCTIONS[..],
        StoreName::Dynamodb => &dynamodb::FUNCTIONS[..],
    };
    let functions = [functions, &[EMPTY]].concat();
    let setup =
        Setup { store: options.store, tls: true, ..Setup::new(progress, &functions, options.functions.as_deref()) };
    let rounds = if options.quick { 20 } else { options.rounds };
    let other_build = options.against.as_deref();
    testbed::run(setup, options.json, async |testbed| match &testbed.store {
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
    lines.extend(memory::measure(&functions).await?);
    progress.say("sizes");
    let programs = FUNCTIONS.map(|name| (name, functions.program(name)));
    lines.extend(size::measure(&functions.program(EMPTY), &programs, MAX_ZIP)?);
    Ok(Report::new(testbed.store.name().to_owned(), rounds, lines))
}
