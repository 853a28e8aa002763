//! What only developers run: `./dev` with `bench`, `chaos`, `load`, `device-test`, `simulate` or `demo`.
//!
//! Each is a module: [`bench`] measures the functions against an empty one, [`chaos`] breaks everything under clients
//! that keep the rules, [`load`] measures how much is accepted and stored, [`device_test`] judges a client of the service,
//! [`simulation`] reckons with the limits of `DynamoDB`, [`demo`] plays a fleet of devices.
//! They share the [`testbed`], a [`client`] that judges each answer, [`codes`] to send, the [`baseline`] that they are
//! compared with, and [`table`] to report. These know no command.

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
    /// The functions against an empty one and against the bare statement
    Bench(bench::Options),
    /// Clients that keep the rules, while everything under them breaks
    Chaos(chaos::Options),
    /// Bounded load on direct and queued mode, and what becomes of it
    Load(load::Options),
    /// A client against a gateway that misbehaves on purpose: which rules does it break?
    DeviceTest(device_test::Options),
    /// What the limits and prices of `DynamoDB` mean for a number of codes a second
    Simulate(simulation::Options),
    /// A fleet of devices with a story, for the page of a running ./dev up
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

/// Whether all promises were kept. A benchmark has one thread: what is measured has the other cores for itself.
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
