//! The command behind `./dev device-test`: runs a client against a gateway that misbehaves on purpose, says which rule of
//! `docs/devices.md` it breaks, and counts lost and doubled codes.
//!
//! The flow: for each [`scenario`] a [`gateway`] that misbehaves stands before the service, the [`client`] is started with
//! codes of its own, and the [`judge`] compares what arrived with the rules.

mod client;
mod gateway;
mod judge;
mod scenario;
mod wrong_certificate;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use local::progress::Progress;
use logs_core::clock;
use serde::Serialize;

use crate::codes::{Code, lines};
use crate::device_test::client::Client;
use crate::device_test::gateway::MisbehavingGateway;
use crate::device_test::scenario::{ALL, Fate, Needs, Scenario};
use crate::device_test::wrong_certificate::WrongCertificate;
use crate::error::LabError;
use crate::table::Report;
use crate::testbed::{self, Service, Setup, Testbed, unlimited};

/// How long a client with a wrong API key is watched.
const WRONG_KEY_WATCH: Duration = Duration::from_secs(8);

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
    let post_log = testbed.function("post-log", testbed.store.settings(), FUNCTION_TIMEOUT, CONCURRENCY);
    let service = Service::start(post_log, unlimited()).await?;
    let is_chosen = |scenario: &&Scenario| {
        options.only.as_ref().is_none_or(|text| scenario.name.contains(text))
            && !(options.without_storage && scenario.needs == Needs::Storage)
            && !(options.without_tls && scenario.needs == Needs::Tls)
    };
    let mut verdicts = Vec::new();
    for scenario in ALL.iter().filter(is_chosen) {
        testbed.progress.say(&format!("{}: {}", scenario.name, scenario.rule));
        let broken = run_scenario(options, scenario, testbed, &service, verdicts.len()).await?;
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

async fn run_scenario(
    options: &Options,
    scenario: &Scenario,
    testbed: &Testbed,
    service: &Service,
    number: usize,
) -> Result<Vec<String>, LabError> {
    let state = testbed.folder().join(format!("client-{number}"));
    std::fs::create_dir(&state)?;
    let device_id = format!("device-test-{number}");
    let timestamp = clock::unix_seconds();
    // The codes can be told apart by `err`.
    let code = |err| Code { device_id: device_id.clone(), err, timestamp };
    let codes = lines(&(0..options.codes).map(code).collect::<Vec<_>>());
    if scenario.needs == Needs::Tls {
        return with_wrong_certificate(options, service, &state, &codes).await;
    }
    let limit = Duration::from_secs(options.seconds);
    let gateway = MisbehavingGateway::start(&service.url, scenario.fates).await?;
    let start =
        async |codes: &str| Client::start(&options.command, &gateway.url, &service.api_key, &state, codes).await;
    let mut client = start(&codes).await?;
    match scenario.fates.first() {
        Some(Fate::PowerCutBefore | Fate::PowerCutAfter) => {
            // A client that never sends has lost everything, which the count says.
            let _ = tokio::time::timeout(limit, gateway.power_cut()).await;
            client.kill().await;
            client = start("").await?;
        }
        Some(Fate::Status(403, _)) => {
            client.ended(WRONG_KEY_WATCH).await;
            client.stop().await;
            gateway.behave();
            client = start("").await?;
        }
        _ => {}
    }
    let mut broken = Vec::new();
    if !client.ended(limit).await {
        broken.push(format!("it had not ended after {} s", options.seconds));
    }
    client.kill().await;
    let stored = testbed.store.mysql()?.administrator().await?.codes_of(&device_id).await?;
    broken.extend(judge::broken_rules(scenario, options.codes, &gateway.arrivals(), &stored));
    Ok(broken)
}

async fn with_wrong_certificate(
    options: &Options,
    service: &Service,
    state: &Path,
    codes: &str,
) -> Result<Vec<String>, LabError> {
    let server = WrongCertificate::start().await?;
    let mut client = Client::start(&options.command, &server.url, &service.api_key, state, codes).await?;
    client.ended(WRONG_KEY_WATCH).await;
    client.stop().await;
    let trusted = server.was_trusted();
    Ok(trusted.then(|| "it sent its API key to a server with a wrong certificate".to_owned()).into_iter().collect())
}
