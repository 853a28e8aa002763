//! The command behind `./dev bench`: what the functions take, against what nobody can save.
//!
//! The flow: [`testbed`] starts a private database server and a [`stub`] for AWS, and knows the programs;
//! [`cold_start`] with its [`steps`], [`post`], [`get`], [`memory`] and [`size`] measure, with [`caller`] for the
//! functions and [`statement`] for the bare SQL; each gives the [`report`] some lines. Time is never asserted: a missed
//! target is a mark in the table.

mod caller;
mod cold_start;
mod event;
mod get;
mod memory;
mod post;
mod report;
mod samples;
mod size;
mod statement;
mod steps;
mod stub;
mod testbed;

use std::path::{Path, PathBuf};

use clap::Args;
use local::progress::Progress;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;

use crate::bench::report::Report;
use crate::bench::testbed::{EMPTY, FUNCTIONS, Testbed};
use crate::error::LabError;
use crate::testbed::{Programs, write_report};

pub(crate) const PROGRESS: Progress = Progress::of("bench");

#[derive(Args)]
pub(crate) struct Options {
    /// How often everything is measured; a median of fewer than 100 is not worth much
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rounds: u32,
    /// A look in a few seconds: 20 rounds
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Also write the figures to this file, for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder of the binaries post-log, get-logs, store-logs, migrate, retention and empty-function; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
}

/// The table comes last, when the server is gone: a reader that closes the pipe can stop nothing halfway.
pub(crate) async fn run(options: Options) -> Result<bool, LabError> {
    let programs = Programs::find(&[&FUNCTIONS[..], &[EMPTY]].concat(), options.functions.as_deref())?;
    let folder = TemporaryFolder::new("bench")?;
    let rounds = if options.quick { 20 } else { options.rounds };
    let report = measure_until_stopped(programs, folder.path(), rounds).await?;
    write_report(&report.to_table(), report.to_json()?, options.json)?;
    Ok(true)
}

async fn measure_until_stopped(programs: Programs, folder: &Path, rounds: u32) -> Result<Report, LabError> {
    let mut signals = StopSignals::new()?;
    PROGRESS.say("starting a private database server");
    let mut testbed = signals.interrupt(Testbed::start(programs, folder)).await??;
    let outcome = signals.interrupt(measure(&testbed, rounds)).await;
    PROGRESS.say("stopping the server");
    testbed.server.kill().await;
    outcome?
}

async fn measure(testbed: &Testbed, rounds: u32) -> Result<Report, LabError> {
    PROGRESS.say("migrating, and filling a table with 1,000 rows and one with 1,000,000");
    let server = testbed.prepare().await?;
    let mut report = Report::new(server, rounds);
    PROGRESS.say("cold starts");
    report.add(cold_start::measure(testbed, rounds).await?);
    PROGRESS.say("POST of 1, 100 and 1000 codes");
    report.add(post::measure(testbed, rounds).await?);
    PROGRESS.say("GET with 1,000 and with 1,000,000 rows");
    report.add(get::measure(testbed, rounds).await?);
    PROGRESS.say("memory");
    report.add(memory::measure(testbed).await?);
    PROGRESS.say("sizes");
    report.add(size::measure(testbed)?);
    Ok(report)
}
