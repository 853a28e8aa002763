//! The client under test: a command that gets codes to send.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use local::processes::signal_group;
use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::error::LabError;

/// How long a client may take to stop after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running client, with all processes that it has started.
pub(crate) struct Client(Child);

impl Client {
    /// Starts the command. It gets the codes as NDJSON on standard input, where to send them from `ERROR_CODES_URL` and
    /// `ERROR_CODES_API_KEY`, and a folder that survives a restart from `ERROR_CODES_STATE`.
    pub(crate) fn start(
        command: &[String],
        url: &str,
        api_key: &str,
        state: &Path,
        codes: &str,
    ) -> Result<Self, LabError> {
        let [program, arguments @ ..] = command else {
            return Err("name the client behind --, as in ./dev device-test -- ./client".into());
        };
        let mut child = Command::new(program)
            .args(arguments)
            .env("ERROR_CODES_URL", url)
            .env("ERROR_CODES_API_KEY", api_key)
            .env("ERROR_CODES_STATE", state)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        if let Some(mut input) = child.stdin.take() {
            let codes = codes.to_owned();
            // In the background: a client may read late or never. It is judged by what arrives.
            tokio::spawn(async move { input.write_all(codes.as_bytes()).await });
        }
        Ok(Self(child))
    }

    /// Waits until it ends. Returns whether it did within `limit`.
    pub(crate) async fn ended(&mut self, limit: Duration) -> bool {
        timeout(limit, self.0.wait()).await.is_ok()
    }

    /// SIGTERM, then SIGKILL after a while.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        if !self.ended(STOP_LIMIT).await {
            self.kill().await;
        }
    }

    /// Kills it without a chance to clean up. Its files keep everything it wrote, which a real power loss does not promise.
    pub(crate) async fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.0.wait().await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.0.id() {
            signal_group(id, signal);
        }
    }
}
