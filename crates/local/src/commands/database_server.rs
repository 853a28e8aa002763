//! Runs a database server while another program runs.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use local::database::{Server, end_left_behind};
use local::processes::signal_group;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;
use nix::sys::signal::Signal;
use tokio::process::{Child, Command};

use crate::Failure;

/// How long the command may take to exit after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Runs the command with a new, empty server in `DATABASE_SERVER_URL`, and with its own folder for temporary files.
/// Afterwards it deletes the folder, and ends servers that the command left running there.
pub(super) async fn run_beside(command: &mut Command) -> Result<ExitCode, Failure> {
    let folder = TemporaryFolder::new("database")?;
    let temporary = folder.path().join("tmp");
    std::fs::create_dir_all(&temporary)?;
    let mut signals = StopSignals::new()?;
    let server = signals.interrupt(Server::start_new(&folder.path().join("database"), None, vec![])).await??;
    command.env("DATABASE_SERVER_URL", server.url("")).env("TMPDIR", &temporary);
    let outcome = run(command, &mut signals).await;
    end_all_left_behind(&temporary).await;
    server.stop().await;
    outcome
}

async fn run(command: &mut Command, signals: &mut StopSignals) -> Result<ExitCode, Failure> {
    // A process group of its own, to stop it with everything that it started.
    let mut process = command.process_group(0).spawn()?;
    tokio::select! {
        status = process.wait() => Ok(if status?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        name = signals.next() => {
            end(process).await;
            Err(format!("stopped by {name}").into())
        }
    }
}

async fn end(mut process: Child) {
    let Some(id) = process.id() else { return };
    signal_group(id, Signal::SIGTERM);
    if tokio::time::timeout(STOP_LIMIT, process.wait()).await.is_err() {
        signal_group(id, Signal::SIGKILL);
    }
}

/// Each test has its server in its own folder, or in the state folder of a product there.
async fn end_all_left_behind(temporary: &Path) {
    let folders = std::fs::read_dir(temporary).into_iter().flatten().filter_map(Result::ok);
    for folder in folders.map(|entry| entry.path()) {
        for server in [folder.clone(), folder.join("state/database")] {
            let _ = end_left_behind(&server).await;
        }
    }
}
