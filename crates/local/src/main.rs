//! The program behind `./dev`. The script of that name builds it and replaces itself by it (exec).

mod commands;
mod tools;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use local::Failure;

use commands::copy::CopyArguments;
use commands::costs::CostsArguments;
use commands::package::PackageArguments;
use commands::rollback::RollbackArguments;
use commands::status::StatusArguments;
use commands::up::UpArguments;
use commands::{PassedOn, StateArguments, copy, costs, data, deployment, lab, package, rollback, status, test, up};

/// The service for error codes of devices: run it here, test it, measure it, deploy it.
#[derive(Parser)]
#[command(bin_name = "./dev", after_help = VARIABLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

const VARIABLES: &str = "\
Environment variables:
  DATABASE_URL=mysql://…           use your own MySQL (up, migrate, retention, summarize); so does secrets.json
  MYSQL_SERVER=/path/to/mysqld     choose the program of the private server (all commands that start one)";

#[derive(Subcommand)]
enum Command {
    /// Build, and serve both APIs on localhost until Ctrl-C; with --queued, a queue stands between POST and the database
    Up(Box<UpArguments>),
    /// Move the dead letters of a running ./dev up --queued back to its queue
    Redrive(StateArguments),
    /// Bring the schema of your own database up to date
    Migrate,
    /// Copy all codes and the ledger from MySQL to a DynamoDB table, or back; can be repeated (docs/deploy.md)
    Copy(CopyArguments),
    /// Delete old rows of the ledger and, with --logs DAYS, of the logs
    Retention(data::RetentionArguments),
    /// Bring the summary of the codes up to date; with --rebuild, count everything again
    Summarize(data::SummarizeArguments),
    /// Forget the data, keys and logs of ./dev up
    Reset(StateArguments),
    /// Run all tests; arguments go to cargo test (without arguments the zips are rebuilt)
    Test(PassedOn),
    /// Measure the release build against an empty function and the bare statements; also --store dynamodb
    Bench(PassedOn),
    /// Kill, freeze and cut everything for two minutes under load: is anything lost or doubled? Also --store dynamodb
    Chaos(PassedOn),
    /// Measure codes a second in both modes and in a burst, and whether all are stored; also --store dynamodb
    Load(PassedOn),
    /// Run a device's client against a gateway that misbehaves: which rules does it break? (docs/devices.md)
    DeviceTest(PassedOn),
    /// Print what the limits and prices of DynamoDB mean for a number of codes a second (docs/scaling.md)
    Simulate(PassedOn),
    /// Send the codes of 500 devices to a running ./dev up, so that its page shows something
    Demo(PassedOn),
    /// Build the functions' zips and the template, without AWS
    Package(PackageArguments),
    /// Print what a packaged stage costs a month, item by item: idle, and with so many codes a second
    Costs(CostsArguments),
    /// Is a stage healthy? Why not, and what to do; exit code 0 if it is, 1 if not, 2 if nobody knows
    Status(StatusArguments),
    /// Take the last deployment back: the functions of a stage run the version before (docs/deploy.md)
    Rollback(RollbackArguments),
    /// Run osls, with your AWS credentials: ./dev osls deploy --package target/package/dev
    Osls(PassedOn),
    /// Run cargo lambda, with your AWS credentials; deploy moves the alias of the function as well
    Lambda(PassedOn),
}

#[tokio::main]
async fn main() -> ExitCode {
    let CommandLine { command } = CommandLine::try_parse().unwrap_or_else(|error| refuse(&error));
    let Some(command) = command else {
        print(&CommandLine::command().render_help().to_string());
        return ExitCode::SUCCESS;
    };
    run(command).await.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "dev: {error}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        // Boxed: it holds all that runs.
        Command::Up(arguments) => Box::pin(up::run(*arguments)).await,
        Command::Redrive(StateArguments { state }) => data::bring_back(&state).await,
        Command::Migrate => data::migrate_own().await,
        Command::Copy(arguments) => Box::pin(copy::run(&arguments)).await,
        Command::Retention(arguments) => data::delete_old(&arguments).await,
        Command::Summarize(arguments) => data::summarize(&arguments).await,
        Command::Reset(StateArguments { state }) => data::reset(&state).await,
        Command::Test(_) => test::run(PassedOn::arguments()).await,
        Command::Bench(_) => lab::run("bench", PassedOn::arguments()),
        Command::Chaos(_) => lab::run("chaos", PassedOn::arguments()),
        Command::Load(_) => lab::run("load", PassedOn::arguments()),
        Command::DeviceTest(_) => lab::run("device-test", PassedOn::arguments()),
        Command::Simulate(_) => lab::run("simulate", PassedOn::arguments()),
        Command::Demo(_) => lab::run("demo", PassedOn::arguments()),
        Command::Package(arguments) => package::run(&arguments),
        Command::Costs(arguments) => costs::run(&arguments),
        Command::Status(arguments) => Ok(status::run(&arguments).await),
        Command::Rollback(arguments) => rollback::run(&arguments).await,
        Command::Osls(_) => deployment::osls(PassedOn::arguments()),
        Command::Lambda(_) => deployment::lambda(PassedOn::arguments()),
    }
}

/// An unknown command lists all commands. clap handles the rest, and --help.
fn refuse(error: &clap::Error) -> ! {
    if error.kind() != ErrorKind::InvalidSubcommand {
        error.exit()
    }
    let command = std::env::args().nth(1).unwrap_or_default();
    let help = CommandLine::command().render_help();
    let _ = writeln!(std::io::stderr(), "{help}\ndev: there is no command {command}");
    std::process::exit(1)
}

/// Prints text for the user. A closed terminal must not prevent a clean stop, so errors are ignored.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a progress line.
fn say(step: &str) {
    print(&format!("dev: {step}"));
}
