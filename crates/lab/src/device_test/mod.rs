//! The command behind `./dev device-test`: runs a client against a gateway that misbehaves on purpose, reports which rules
//! of `docs/devices.md` it breaks, and counts lost and doubled codes.
//!
//! For each [`scenario`], a [`trial`] puts a misbehaving [`gateway`] before the service and starts the [`client`] with new
//! codes. The [`judge`] compares the requests that arrived with the rules.

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
use crate::testbed::{self, RunOptions, Service, Setup, Testbed, unlimited};

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);
const CONCURRENCY: usize = 8;

#[derive(Args)]
pub(crate) struct Options {
    /// Leave out the scenarios that restart the client: it keeps nothing
    #[arg(long)]
    without_storage: bool,
    /// Leave out the wrong certificate: the client has no TLS
    #[arg(long)]
    without_tls: bool,
    /// Let the slow response take 29 s, the gateway's limit, instead of 6 s
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

/// Returns whether the client keeps all rules.
pub(crate) async fn run(options: Options, progress: Progress) -> Result<bool, LabError> {
    let run = RunOptions { functions: options.functions.clone(), ..RunOptions::default() };
    testbed::run(Setup::new(progress, &["post-log"], &run), async |testbed| run_all(&options, testbed).await).await
}

async fn run_all(options: &Options, testbed: &Testbed) -> Result<Verdicts, LabError> {
    let is_chosen = |scenario: &&Scenario| {
        options.only.as_ref().is_none_or(|text| scenario.name.contains(text))
            && !(options.without_storage && scenario.needs == Needs::Storage)
            && !(options.without_tls && scenario.needs == Needs::Tls)
    };
    let chosen: Vec<_> = ALL.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        // Otherwise a client would pass because nothing was asked of it.
        return Err("no scenario is chosen; its name must contain what --only says".into());
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

/// The broken rules in each scenario.
#[derive(Serialize)]
struct Verdicts(Vec<(&'static str, Vec<String>)>);

impl Report for Verdicts {
    fn is_good(&self) -> bool {
        self.0.iter().all(|(_, broken)| broken.is_empty())
    }

    /// The client is at fault, so the functions' logs explain nothing.
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
