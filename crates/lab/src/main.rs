//! The commands of `./dev` that only developers run.
//!
//! Each is a module: [`bench`] measures the functions against an empty one; [`chaos`] injects faults while clients send;
//! [`load`] measures how much is accepted and stored; [`device_test`] tests a client of the service; [`simulation`] models
//! the limits of `DynamoDB`; [`demo`] plays a fleet of devices.
//!
//! The commands share the [`testbed`], a [`client`] that checks each answer, [`codes`] to send, the [`baseline`] for
//! comparisons, and [`table`] for reports.

mod baseline;
mod bench;
mod chaos;
mod client;
mod codes;
mod demo;
mod device_test;
mod error;
mod figures;
mod load;
mod simulation;
mod table;
mod testbed;

use std::process::ExitCode;

use clap::Parser;
use local::progress::Progress;
use tokio::runtime::Builder;

use crate::error::LabError;

#[derive(Parser)]
#[command(bin_name = "./dev")]
enum Command {
    /// Measure the functions against an empty one and against the bare statements
    Bench(bench::Options),
    /// Inject faults while clients send: is anything lost or doubled?
    Chaos(chaos::Options),
    /// Measure codes a second in direct and queued mode, and whether all of them are stored
    Load(load::Options),
    /// Run a client against a gateway that misbehaves on purpose: which rules does it break?
    DeviceTest(device_test::Options),
    /// Print what the limits and prices of DynamoDB mean for a number of codes a second
    Simulate(simulation::Options),
    /// Send the codes of a fleet with a story to a running ./dev up, for its page
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let command = Command::parse();
    let progress = Progress::of(match command {
        Command::Bench(_) => "bench",
        Command::Chaos(_) => "chaos",
        Command::Load(_) => "load",
        Command::DeviceTest(_) => "device-test",
        Command::Simulate(_) => "simulate",
        Command::Demo(_) => "demo",
    });
    match run(command, progress) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress.say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all promises were kept. The benchmark uses one thread and leaves the other cores to what it measures.
fn run(command: Command, progress: Progress) -> Result<bool, LabError> {
    let mut builder =
        if let Command::Bench(_) = command { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build()?.block_on(async {
        match command {
            Command::Bench(options) => bench::run(options, progress).await,
            Command::Chaos(options) => chaos::run(options, progress).await,
            Command::Load(options) => load::run(options, progress).await,
            Command::DeviceTest(options) => device_test::run(options, progress).await,
            Command::Simulate(options) => simulation::run(&options),
            Command::Demo(options) => demo::run(options, progress).await,
        }
    })
}
