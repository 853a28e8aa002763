//! The command behind `./dev chaos`: clients that keep the rules of `docs/devices.md`, while everything under them
//! breaks. Nothing that was acknowledged may be missing at the end, nothing with a key may be there twice.
//!
//! The flow: [`testbed`] starts a private database server, the [`proxy`] in front of it, the function and the gateway;
//! each [`client`] sends its [`batch`]es, checks each [`answer`] and keeps what it expects; [`attack`] makes one [`fault`] after
//! the other happen ([`inject`]) and waits for the [`recovery`]; [`count`] compares that with the tables, and the
//! [`report`] says what came of it. With a [`queue`] between, everything must be stored in the end. Faults and
//! batches follow from the seed; which of them meet does not.

mod answer;
mod attack;
mod batch;
mod client;
mod count;
mod fault;
mod inject;
mod plan;
mod proxy;
mod queue;
mod recovery;
mod report;
mod tally;
mod testbed;

use std::path::PathBuf;

use clap::Args;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;

use crate::chaos::fault::Kind;
use crate::chaos::plan::Plan;
use crate::chaos::report::Report;
use crate::chaos::testbed::Testbed;
use crate::error::LabError;
use crate::testbed::{Programs, write_report};

pub(crate) use crate::chaos::plan::PROGRESS;

#[derive(Args)]
pub(crate) struct Options {
    /// No fault begins later; counting comes on top
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The same seed gives the same faults and the same batches; any by default
    #[arg(long)]
    seed: Option<u64>,
    /// How many clients send at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    clients: u16,
    /// Through the queue: post-log, SQS as moto plays it, store-logs
    #[arg(long)]
    queued: bool,
    /// Only these faults, separated by commas: each at least once, however long that takes, and no verdict on times
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    kinds: Vec<Kind>,
    /// Folder of the binaries post-log and store-logs; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
    /// Also write the report to this file, for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Whether all promises were kept. The table comes last, when the server is gone.
pub(crate) async fn run(options: Options) -> Result<bool, LabError> {
    let seed = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    let Options { clients, seconds, queued, ref kinds, .. } = options;
    let plan = Plan { seed, clients: clients.into(), seconds, queued, kinds: unique(kinds) };
    let programs = Programs::find(&["post-log", "store-logs"], options.functions.as_deref())?;
    let mut folder = TemporaryFolder::new("chaos")?;
    let report = attack_until_stopped(&plan, programs, &mut folder).await?;
    let is_good = report.broken_promises().is_empty();
    if !is_good {
        folder.keep();
        PROGRESS.say(&format!("the data and the functions' log are kept in {}", folder.path().display()));
    }
    write_report(&report.to_table(), report.to_json()?, options.json)?;
    Ok(is_good)
}

async fn attack_until_stopped(
    plan: &Plan,
    programs: Programs,
    folder: &mut TemporaryFolder,
) -> Result<Report, LabError> {
    let mut signals = StopSignals::new()?;
    PROGRESS.say(&format!("seed {}; starting a private database server", plan.seed));
    let mut testbed = signals.interrupt(Testbed::start(programs, folder.path(), plan)).await??;
    let outcome = signals.interrupt(attack::run(&mut testbed, plan)).await;
    if let Ok(Err(LabError::NeverUp(_))) = outcome {
        folder.keep();
    }
    PROGRESS.say("stopping the server");
    testbed.function.stop().await;
    testbed.queued = None;
    if let Some(server) = &mut testbed.server {
        server.kill().await;
    }
    outcome?
}

fn unique(kinds: &[Kind]) -> Vec<Kind> {
    Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)).collect()
}
