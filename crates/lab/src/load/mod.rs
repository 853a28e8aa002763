//! The command behind `./dev load`: how many codes a second direct and queued mode accept and store, how late they are
//! stored under a burst, and how near store-logs comes to the bare statement, or on DynamoDB what it costs. Speed is shown and never asserted; what is
//! accepted and not stored makes it fail.
//!
//! The flow: a [`mode`] runs a gateway with its functions, and [`client`]s send to it. [`step`] does that for one size of
//! batch, [`burst`] for as many codes as clients can send; [`consumer`] drives store-logs alone, against the bare
//! statement. The [`report`] judges; [`tables`] show it, [`plot`] and [`document`] put it into `docs/`.

mod burst;
mod client;
mod consumer;
mod document;
mod events;
mod mode;
mod plan;
mod plot;
mod report;
mod step;
mod tables;
mod watch;

use std::path::PathBuf;

use clap::Args;
use local::progress::Progress;

use crate::error::LabError;
use crate::load::mode::Mode;
use crate::load::plan::{BATCHES, Plan};
use crate::load::report::Report;
use crate::testbed::{self, Queue, Setup, StoreName, Testbed};

/// In seconds; as in infra/ingestion.js.
const VISIBILITY_TIMEOUT: u32 = 181;

/// More connections than the environments of any measurement. MariaDB keeps no account of statements unless it is told to.
const SERVER_OPTIONS: [&str; 3] =
    ["--max-connections=200", "--performance-schema=ON", "--performance-schema-instrument=statement/%=ON"];

#[derive(Args)]
pub(crate) struct Options {
    /// That it runs, in some seconds; the figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Where the codes are: mysql, or dynamodb, played by dynoxide on a file
    #[arg(long, value_enum, default_value_t)]
    store: StoreName,
    /// Also write the figures to this file, for machines
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the plots into this folder, and the figures into its scaling.md; on MySQL, as dynoxide's speed says nothing
    #[arg(long, value_name = "FOLDER")]
    write_docs: Option<PathBuf>,
    /// Folder of the binaries post-log and store-logs; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
}

/// Whether all that was accepted is stored.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    if options.store == StoreName::Dynamodb && options.write_docs.is_some() {
        return Err(LabError::OnlyMySql("--write-docs"));
    }
    let setup = Setup {
        store: options.store,
        options: &SERVER_OPTIONS.map(str::to_owned),
        ..Setup::new(progress, &["post-log", "store-logs"], options.functions.as_deref())
    };
    let plan = if options.quick { plan::QUICK } else { plan::FULL };
    testbed::run(setup, options.json, async |testbed| {
        let report = measure(testbed, &plan).await?;
        if let Some(folder) = &options.write_docs {
            document::write(&report, folder)?;
        }
        Ok(report)
    })
    .await
}

/// All measurements, one after the other.
async fn measure(testbed: &Testbed, plan: &Plan) -> Result<Report, LabError> {
    let queue = Queue::start(testbed, VISIBILITY_TIMEOUT).await?;
    let say = |what: &str| testbed.progress.say(what);
    let mut steps = Vec::new();
    for mode in Mode::ALL {
        for (codes, batches) in BATCHES.into_iter().zip(plan.batches) {
            say(&format!("{} mode, batches of {codes}", mode.name()));
            steps.push(step::measure(testbed, &queue, plan, mode, codes, batches).await?);
        }
    }
    say(&format!("a burst of {} codes in queued mode", plan.burst.batches * plan.burst.codes_per_batch));
    let burst = burst::measure(testbed, &queue, plan.burst).await?;
    say(match testbed.store.kind() {
        StoreName::Mysql => "store-logs against the bare statement",
        StoreName::Dynamodb => "store-logs alone",
    });
    let comparisons = consumer::measure(testbed, plan).await?;
    Ok(Report {
        is_quick: plan.is_quick,
        store: testbed.store.kind(),
        database: testbed.store.name().to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        clients: plan.clients,
        rounds: plan.rounds,
        steps,
        burst,
        comparisons,
    })
}
