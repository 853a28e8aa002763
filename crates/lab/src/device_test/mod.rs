//! The command behind `./dev device-test`: runs a client against a gateway that misbehaves on purpose, says which rule of
//! `docs/devices.md` it breaks, and counts lost and doubled codes.
//!
//! The flow: for each [`scenario`] a [`trial`] puts a [`gateway`] that misbehaves before the service and starts the
//! [`client`] with codes of its own. The [`judge`] compares what arrived with the rules.

mod client;
mod gateway;
mod judge;
mod scenario;
mod trial;
mod wrong_certificate;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use local::progress::Progress;
use serde::Serialize;

use crate::device_test::scenario::{ALL, Needs, Scenario};
use crate::device_test::trial::Trial;
use crate::error::LabError;
use crate::table::Report;
use crate::testbed::{self, Service, Setup, Testbed, unlimited};

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);
const CONCURRENCY: usize = 8;

#[derive(Args)]
pub(crate) struct Options {
    /// The client keeps nothing: leave out the scenarios that restart it
    #[arg(long)]
    without_storage: bool,
    /// Leave out the wrong certificate: the client has no TLS
    #[arg(long)]
    without_tls: bool,
    /// The slow response takes as long as the gateway allows, 29 s instead of 6
    #[arg(long)]
    thorough: bool,
    /// Only the scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How many codes the client gets in each scenario
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(i32).range(1..=1000))]
    codes: i32,
    /// How long the client may take for a scenario
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// Folder of the binary post-log; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    functions: Option<PathBuf>,
    /// The client: a program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Whether the client keeps all rules.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    let setup = Setup::new(progress, &["post-log"], options.functions.as_deref());
    testbed::run(setup, None, async |testbed| run_all(&options, testbed).await).await
}

async fn run_all(options: &Options, testbed: &Testbed) -> Result<Verdicts, LabError> {
    let is_chosen = |scenario: &&Scenario| {
        options.only.as_ref().is_none_or(|text| scenario.name.contains(text))
            && !(options.without_storage && scenario.needs == Needs::Storage)
            && !(options.without_tls && scenario.needs == Needs::Tls)
    };
    let chosen: Vec<_> = ALL.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err(LabError::NoScenario);
    }
    let post_log = testbed.function("post-log", testbed.store.settings(), FUNCTION_TIMEOUT, CONCURRENCY);
    let service = Service::start(post_log, unlimited()).await?;
    let mut verdicts = Vec::new();
    for scenario in chosen {
        testbed.progress.say(&format!("{}: {}", scenario.name, scenario.rule));
        let trial = Trial { options, scenario, testbed, service: &service, number: verdicts.len() };
        let broken = trial.run().await?;
        verdicts.push((scenario.name, broken));
    }
    service.stop().await;
    Ok(Verdicts(verdicts))
}

/// The rules that a client has broken in each scenario.
#[derive(Serialize)]
struct Verdicts(Vec<(&'static str, Vec<String>)>);

impl Report for Verdicts {
    fn is_good(&self) -> bool {
        self.0.iter().all(|(_, broken)| broken.is_empty())
    }

    /// The client is at fault, not the service.
    fn is_for_the_logs(&self) -> bool {
        false
    }

    fn to_table(&self) -> String {
        let line = |(name, broken): &(&str, Vec<String>)| {
            let verdict = if broken.is_empty() { "ok  " } else { "FAIL" };
            format!("{verdict}  {name:<32}{}", broken.join("; ")).trim_end().to_owned() + "\n"
        };
        let mut table: String = self.0.iter().map(line).collect();
        let (count, failed) = (self.0.len(), self.0.iter().filter(|(_, broken)| !broken.is_empty()).count());
        // Writing to a String cannot fail.
        let _ = match failed {
            0 => writeln!(table, "the client keeps the rules in all {count} scenarios"),
            _ => writeln!(table, "the client breaks rules in {failed} of {count} scenarios (docs/devices.md)"),
        };
        table
    }
}
