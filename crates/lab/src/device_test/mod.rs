//! The command behind `./dev device-test`: runs a client against a gateway that misbehaves on purpose, says which rule of
//! `docs/devices.md` it breaks, and counts lost and doubled codes.
//!
//! The flow: [`service`] starts what stores the codes; for each [`scenario`] a [`gateway`] that misbehaves stands before
//! it, the [`client`] is started with codes of its own, and the [`judge`] compares what arrived with the rules.

mod client;
mod gateway;
mod judge;
mod scenario;
mod service;
mod wrong_certificate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use local::progress::Progress;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;
use logs_core::clock;

use crate::device_test::client::Client;
use crate::device_test::gateway::MisbehavingGateway;
use crate::device_test::scenario::{ALL, Fate, Needs, Scenario};
use crate::device_test::service::Service;
use crate::device_test::wrong_certificate::WrongCertificate;
use crate::error::LabError;
use crate::testbed::{Programs, write_report};

pub(crate) const PROGRESS: Progress = Progress::of("device-test");

/// How long a client with a wrong API key is watched.
const WRONG_KEY_WATCH: Duration = Duration::from_secs(8);

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
pub(crate) async fn run(options: Options) -> Result<bool, LabError> {
    let programs = Programs::find(&["post-log"], options.functions.as_deref())?;
    let folder = TemporaryFolder::new("device-test")?;
    let mut signals = StopSignals::new()?;
    PROGRESS.say("starting a private database server");
    let service = signals.interrupt(Service::start(&programs, folder.path())).await??;
    let outcome = signals.interrupt(run_all(&options, &service, folder.path())).await;
    service.stop().await;
    let (table, failed) = outcome??;
    write_report(&table, "", None)?;
    Ok(failed == 0)
}

/// The table, and how many scenarios the client has failed.
async fn run_all(options: &Options, service: &Service, folder: &Path) -> Result<(String, usize), LabError> {
    let is_chosen = |scenario: &&Scenario| {
        options.only.as_ref().is_none_or(|text| scenario.name.contains(text))
            && !(options.without_storage && scenario.needs == Needs::Storage)
            && !(options.without_tls && scenario.needs == Needs::Tls)
    };
    let (mut table, mut passed, mut failed) = (Vec::new(), 0, 0);
    for (number, scenario) in ALL.iter().enumerate().filter(|(_, scenario)| is_chosen(scenario)) {
        PROGRESS.say(&format!("{}: {}", scenario.name, scenario.rule));
        let state = folder.join(format!("client-{number}"));
        std::fs::create_dir(&state)?;
        let broken = run_scenario(options, scenario, service, &state, &format!("device-test-{number}")).await?;
        match broken.as_slice() {
            [] => passed += 1,
            _ => failed += 1,
        }
        let verdict = if broken.is_empty() { "ok  " } else { "FAIL" };
        table.push(format!("{verdict}  {:<32}{}", scenario.name, broken.join("; ")).trim_end().to_owned());
    }
    let verdict = match failed {
        0 => format!("the client keeps the rules in all {passed} scenarios"),
        _ => format!("the client breaks rules in {failed} of {} scenarios (docs/devices.md)", passed + failed),
    };
    table.push(verdict);
    Ok((table.join("\n") + "\n", failed))
}

async fn run_scenario(
    options: &Options,
    scenario: &Scenario,
    service: &Service,
    state: &Path,
    device_id: &str,
) -> Result<Vec<String>, LabError> {
    let codes = records(device_id, options.codes);
    let limit = Duration::from_secs(options.seconds);
    if scenario.needs == Needs::Tls {
        return with_wrong_certificate(options, service, state, &codes).await;
    }
    let gateway = MisbehavingGateway::start(&service.url(), scenario.fates).await?;
    let start = async |codes: &str| Client::start(&options.command, &gateway.url, &service.api_key, state, codes).await;
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
    let stored = service.stored(device_id).await?;
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

/// Records that can be told apart by `err`, a line each.
fn records(device_id: &str, codes: i32) -> String {
    let now = clock::unix_seconds();
    let record = |err| format!("{{\"deviceID\":\"{device_id}\",\"err\":{err},\"timestamp\":{now}}}");
    (0..codes).map(record).collect::<Vec<_>>().join("\n") + "\n"
}
