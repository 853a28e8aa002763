//! The command behind `./dev load`: how many codes a second direct and queued mode accept and store, how late they are
//! stored under a burst, and how near store-logs comes to the bare statement. Speed is shown and never asserted; what is
//! accepted and not stored makes it fail.
//!
//! The flow: [`testbed`] starts a private database server and moto's queue; [`service`] is a gateway with the functions of
//! one mode behind it, and [`client`]s send to it. [`step`] does that for one size of batch, [`burst`] for as many codes
//! as clients can send; [`consumer`] drives store-logs alone, against the bare statement. [`tables`] look into the
//! tables. The [`report`] judges; [`table`] shows it, [`plot`] and [`document`] put it into `docs/`.

mod answer;
mod burst;
mod client;
mod codes;
mod consumer;
mod document;
mod events;
mod measure;
mod plan;
mod plot;
mod report;
mod service;
mod step;
mod table;
mod tables;
mod testbed;

use std::path::{Path, PathBuf};

use clap::Args;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;

use crate::error::LabError;
use crate::load::plan::Plan;
use crate::load::report::Report;
use crate::load::testbed::Testbed;
use crate::testbed::{Programs, write_report};

pub(crate) use crate::load::plan::PROGRESS;

#[derive(Args)]
pub(crate) struct Options {
    /// That it runs, in some seconds; the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Also write the figures to this file, for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plots into this folder, and the figures into its scaling.md
    #[arg(long, value_name = "FOLDER")]
    write_docs: Option<PathBuf>,
    /// Folder of the binaries post-log and store-logs; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
}

/// Whether all that was accepted is stored. The table comes last, when the servers are gone.
pub(crate) async fn run(options: Options) -> Result<bool, LabError> {
    let programs = Programs::find(&["post-log", "store-logs"], options.functions.as_deref())?;
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    let mut folder = TemporaryFolder::new("load")?;
    let report = measure_until_stopped(&plan, programs, folder.path()).await?;
    let is_good = report.broken_promises().is_empty();
    if !is_good {
        folder.keep();
        PROGRESS.say(&format!("the data and the functions' logs are kept in {}", folder.path().display()));
    }
    write_report(&table::of(&report), report.to_json()?, options.json)?;
    if let Some(folder) = options.write_docs {
        document::write(&report, &folder)?;
    }
    Ok(is_good)
}

async fn measure_until_stopped(plan: &Plan, programs: Programs, folder: &Path) -> Result<Report, LabError> {
    let mut signals = StopSignals::new()?;
    PROGRESS.say("starting a private database server and moto, which plays the queue");
    let mut testbed = signals.interrupt(Testbed::start(programs, folder)).await??;
    let outcome = signals.interrupt(measure::everything(&mut testbed, plan)).await;
    PROGRESS.say("stopping the servers");
    testbed.moto.kill().await;
    testbed.server.kill().await;
    outcome?
}
