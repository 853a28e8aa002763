//! The command behind `./dev chaos`: clients that keep the rules of `docs/devices.md`, while everything under them
//! breaks. Nothing that was acknowledged may be missing at the end, nothing with a key may be there twice.
//!
//! The flow: the [`target`] is a gateway with the function, and a proxy between it and the store; each [`client`] sends its
//! [`batch`]es and keeps what it expects; [`attack`] makes one [`fault`] after the other happen ([`inject`]) and waits
//! for the [`recovery`]; [`count`] compares that with the tables, and the [`report`] says what came of it. With a queue
//! between, everything must be stored in the end. Faults and batches follow from the seed; which of them meet does not.

mod attack;
mod batch;
mod client;
mod count;
mod fault;
mod inject;
mod recovery;
mod report;
mod target;

use std::path::PathBuf;

use clap::Args;
use local::progress::Progress;

use crate::chaos::fault::Kind;
use crate::error::LabError;
use crate::testbed::{self, Setup, StoreName};

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
    /// Where the codes are: mysql, or dynamodb, played by dynoxide on a file
    #[arg(long, value_enum, default_value_t)]
    store: StoreName,
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

/// Whether all promises were kept.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    let seed = options.seed.unwrap_or_else(|| u64::from(fastrand::u32(..)));
    progress.say(&format!("seed {seed}"));
    let Options { clients, seconds, queued, store, ref kinds, .. } = options;
    if let Some(kind) = kinds.iter().find(|kind| !kind.can_happen(store, queued)) {
        return Err(LabError::NoSuchFault(kind.name().to_owned()));
    }
    let plan = attack::Plan { seed, clients: clients.into(), seconds, queued, kinds: fault::unique(kinds) };
    let setup = Setup {
        store,
        options: &[format!("--max-connections={}", target::concurrency(plan.clients) + 10)],
        ..Setup::new(progress, &["post-log", "store-logs"], options.functions.as_deref())
    };
    testbed::run(setup, options.json, async |testbed| attack::run(testbed, &plan).await).await
}
