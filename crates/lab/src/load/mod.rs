//! The command behind `./dev load`: how many codes a second direct and queued mode accept and store, how late codes are
//! stored in a burst, and how store-logs compares with the bare statement (on DynamoDB: what it costs). A slow run does
//! not fail; accepted codes that are not stored do.
//!
//! A [`mode`] runs a gateway with its functions, and [`client`]s send to it: [`step`] with one size of batch, [`burst`] as
//! fast as they can. [`consumer`] drives store-logs alone. [`watch`] reads what is stored and what it cost. The
//! [`report`] judges, [`tables`] print it, [`plot`] and [`document`] put it into `docs/`.

mod burst;
mod client;
mod consumer;
mod document;
pub(crate) mod events;
mod mode;
pub(crate) mod plan;
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
use crate::testbed::{self, Queue, RunOptions, Setup, StoreName, Testbed};

/// In seconds, as in infra/ingestion.js.
const VISIBILITY_TIMEOUT: u32 = 181;

/// More connections than any measurement has environments. MariaDB collects statement statistics only on request.
const SERVER_OPTIONS: [&str; 3] =
    ["--max-connections=200", "--performance-schema=ON", "--performance-schema-instrument=statement/%=ON"];

#[derive(Args)]
pub(crate) struct Options {
    /// Only check that it runs, in some seconds; the figures mean nothing
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    run: RunOptions,
    /// Write the plots into this folder, and the figures into its scaling.md; only on MySQL: dynoxide's speed means nothing
    #[arg(long, value_name = "FOLDER")]
    write_docs: Option<PathBuf>,
}

/// Returns whether all accepted codes are stored.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    if options.run.store == StoreName::Dynamodb && options.write_docs.is_some() {
        return Err("--write-docs needs --store mysql".into());
    }
    let setup = Setup {
        server_options: &SERVER_OPTIONS.map(str::to_owned),
        ..Setup::new(progress, &["post-log", "store-logs"], &options.run)
    };
    let plan = if options.quick { plan::QUICK } else { plan::FULL };
    testbed::run(setup, async |testbed| {
        let report = measure(testbed, &plan).await?;
        if let Some(folder) = &options.write_docs {
            document::write(&report, folder)?;
        }
        Ok(report)
    })
    .await
}

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
