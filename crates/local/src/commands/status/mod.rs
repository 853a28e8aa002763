//! `./dev status`: is a stage healthy, and if not, why and what to do? The alarms decide; docs/runbook.md has the advice.

mod alarms;
mod cloudwatch;
mod figures;
mod runbook;

use std::process::ExitCode;

use clap::Args;
use logs_core::clock;

use crate::{Failure, print};
use alarms::{Alarm, State};
use runbook::Section;

/// The exit code when a stage is not healthy.
const UNHEALTHY: u8 = 1;

/// The exit code when nobody knows.
const NO_ANSWER: u8 = 2;

#[derive(Args)]
pub(crate) struct StatusArguments {
    /// The stage: dev or prod
    #[arg(long)]
    stage: String,
}

/// Prints what CloudWatch knows. The exit code is 0 when the stage is healthy, 1 when it is not, 2 when nobody knows.
pub(crate) async fn run(arguments: &StatusArguments) -> ExitCode {
    let stage = &arguments.stage;
    match report(stage).await {
        Ok((text, code)) => {
            print(&text);
            code
        }
        Err(error) => {
            print(&format!("{stage} is unknown: {error}"));
            ExitCode::from(NO_ANSWER)
        }
    }
}

async fn report(stage: &str) -> Result<(String, ExitCode), Failure> {
    let name = format!("error-codes-{stage}");
    let mut alarms = alarms::read(&name).await?;
    if alarms.is_empty() {
        let region = logs_core::aws::region(None).unwrap_or_default();
        return Err(format!("CloudWatch has no alarm of {name} in {region}; is the stage there?").into());
    }
    alarms.sort_by_key(|alarm| runbook::place(alarm.anchor()));
    let figures = figures::read(stage, &alarms).await?;
    let ringing: Vec<&Alarm> = alarms.iter().filter(|alarm| alarm.state == State::Alarm).collect();
    let mut lines = vec![verdict(stage, &ringing, &alarms)];
    for of_section in ringing.chunk_by(|one, next| one.anchor() == next.anchor()) {
        lines.extend(advice(&name, of_section));
    }
    lines.extend(figures::table(&figures));
    let code = if ringing.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNHEALTHY) };
    Ok((lines.join("\n"), code))
}

/// One word, and what it stands on.
fn verdict(stage: &str, ringing: &[&Alarm], all: &[Alarm]) -> String {
    let silent = all.iter().filter(|alarm| alarm.state == State::Unknown).count();
    let silent = if silent == 0 { String::new() } else { format!(" {silent} of them have no data yet.") };
    let all = all.len();
    match ringing.len() {
        0 => format!("{stage} is healthy: none of {all} alarms rings.{silent}"),
        1 => format!("{stage} is unhealthy: 1 of {all} alarms rings.{silent}"),
        some => format!("{stage} is unhealthy: {some} of {all} alarms ring.{silent}"),
    }
}

/// Why, and what to do: the alarms that lead to one section of the runbook.
fn advice(name: &str, alarms: &[&Alarm]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let anchor = alarms[0].anchor();
    let section = Section::find(anchor);
    lines.push(section.as_ref().map_or(anchor, |section| &section.title).to_uppercase());
    for alarm in alarms {
        let minutes = (clock::unix_seconds() - alarm.since).max(0) / 60;
        lines.push(format!("  {} ({} rings, for {minutes} minutes)", alarm.what(), alarm.short_name(name)));
    }
    if let Some(Section { advice, .. }) = section {
        // The runbook is written for prod.
        let advice = advice.replace("error-codes-prod", name);
        lines.extend(advice.lines().map(|line| format!("  {line}").trim_end().to_owned()));
    }
    lines.push(format!("  More: docs/runbook.md#{anchor}"));
    lines
}
