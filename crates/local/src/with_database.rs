//! Runs a command, the tests above all, beside a database server that is thrown away afterwards.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::database::{Server, end_left_behind};
use crate::signals::StopSignals;
use crate::temporary_folder::TemporaryFolder;

/// How long a command may take to end when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command with `DATABASE_SERVER_URL` set to a new, empty server, and with a folder for temporary files that
/// goes away with it; a server that the command leaves behind in there is ended.
pub async fn run(command: &[String]) -> Result<ExitCode, Failure> {
    let folder = TemporaryFolder::new("database")?;
    let temporary = folder.path().join("tmp");
    std::fs::create_dir_all(&temporary)?;
    let mut signals = StopSignals::new()?;
    let server = signals.interrupt(Server::start_new(&folder.path().join("database"), None, vec![])).await??;
    let outcome = run_beside(command, &server.url(""), &temporary, &mut signals).await;
    end_all_left_behind(&temporary).await;
    server.stop().await;
    outcome
}

async fn run_beside(
    command: &[String],
    url: &str,
    temporary: &Path,
    signals: &mut StopSignals,
) -> Result<ExitCode, Failure> {
    let Some((program, arguments)) = command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let mut process = Command::new(program)
        .args(arguments)
        .env("DATABASE_SERVER_URL", url)
        .env("TMPDIR", temporary)
        // So that it can be ended with everything that it started.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{program} cannot be run: {error}"))?;
    tokio::select! {
        status = process.wait() => Ok(if status?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        name = signals.next() => {
            end(process).await;
            Err(format!("stopped by {name}").into())
        }
    }
}

async fn end(mut process: Child) {
    let Some(group) = process.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else { return };
    let _ = killpg(group, Signal::SIGTERM);
    if tokio::time::timeout(STOP_LIMIT, process.wait()).await.is_err() {
        let _ = killpg(group, Signal::SIGKILL);
    }
}

/// Tests make their servers in folders of their own, or below the state of a product in such a folder.
async fn end_all_left_behind(temporary: &Path) {
    let folders = std::fs::read_dir(temporary).into_iter().flatten().filter_map(Result::ok);
    for folder in folders.map(|entry| entry.path()) {
        for server in [folder.clone(), folder.join("state/database")] {
            let _ = end_left_behind(&server).await;
        }
    }
}
