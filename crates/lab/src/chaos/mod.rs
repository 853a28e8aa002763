//! The command behind `./dev chaos`: clients that keep the rules of `docs/devices.md` send codes, while faults are injected.
//! At the end, every acknowledged code must be stored, and every code with a key exactly once.
//!
//! The [`target`] is a gateway with the function, and a proxy between function and store. Each [`client`] sends
//! [`batch`]es and records what it expects. [`attack`] injects one [`fault`] after the other ([`inject`]) and waits for
//! the [`recovery`]. Then [`count`] compares the expectations with the tables for the [`report`]. In queued mode,
//! everything must be stored once the queue is empty. The seed determines the faults and the batches, but not which of
//! them coincide.

mod attack;
mod batch;
mod client;
mod count;
mod fault;
mod inject;
mod recovery;
mod report;
mod target;

use clap::Args;
use local::progress::Progress;

use crate::chaos::fault::Kind;
use crate::error::LabError;
use crate::testbed::{self, RunOptions, Setup};

#[derive(Args)]
pub(crate) struct Options {
    /// How long faults are injected; counting comes on top
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// The same seed gives the same faults and the same batches; random by default
    #[arg(long)]
    seed: Option<u64>,
    /// How many clients send at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    clients: u16,
    #[command(flatten)]
    run: RunOptions,
    /// Through the queue: post-log, SQS as moto plays it, store-logs
    #[arg(long)]
    queued: bool,
    /// Only these faults, separated by commas. Each happens at least once, and times are not judged
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    kinds: Vec<Kind>,
}

/// Returns whether all promises were kept.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    let seed = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    progress.say(&format!("seed {seed}"));
    let Options { clients, seconds, queued, ref kinds, ref run, .. } = options;
    if let Some(kind) = kinds.iter().find(|kind| !kind.can_happen(run.store, queued)) {
        return Err(format!("{} does not happen here: it needs another --store, or --queued", kind.name()).into());
    }
    let plan = attack::Plan { seed, clients: clients.into(), seconds, queued, kinds: fault::unique(kinds) };
    let setup = Setup {
        server_options: &[format!("--max-connections={}", target::concurrency(plan.clients) + 10)],
        ..Setup::new(progress, &["post-log", "store-logs"], run)
    };
    testbed::run(setup, async |testbed| attack::run(testbed, &plan).await).await
}
