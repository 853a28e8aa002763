//! moto, which plays AWS services at an HTTP endpoint on this machine.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::Failure;
use crate::lambda::log;

/// The region of all resources.
pub const REGION: &str = "eu-central-1";

/// Access key and secret. moto accepts any.
pub const KEY: &str = "made-up";

/// Python loads moto in a second; on a busy machine, in several.
const START_LIMIT: Duration = Duration::from_mins(1);

/// For saving its messages.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// Passed to Python as text, so that this binary does not depend on the folder it was built in.
const PROGRAM: &str = concat!(include_str!("../moto/queues.py"), "\n\n", include_str!("../moto/server.py"));

#[derive(Debug, Default)]
pub struct MotoOptions<'a> {
    /// Python with moto. By default the one in `MOTO_PYTHON`.
    pub python: Option<&'a Path>,
    /// The file that keeps the messages in the queues from run to run.
    pub messages: Option<&'a Path>,
    /// Operations to deny, like `secretsmanager.GetSecretValue`.
    pub denied: &'a [&'a str],
    /// By default our own standard error.
    pub log_file: Option<&'a Path>,
}

/// A running server. It exits when this value is dropped or this process ends, even by kill -9: then its input closes.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    url: String,
    log_file: Option<PathBuf>,
}

impl Moto {
    /// Starts the server on a free port.
    pub async fn start(options: &MotoOptions<'_>) -> Result<Self, Failure> {
        let named = || std::env::var_os("MOTO_PYTHON").filter(|python| !python.is_empty()).map(PathBuf::from);
        let python = options.python.map(Path::to_owned).or_else(named);
        let python = python.ok_or("MOTO_PYTHON is not set; ./dev installs moto and sets it: ./dev up --queued")?;
        let cannot_run = |error: io::Error| format!("moto, which plays the queue, cannot be run: {error}");
        let log = log::output(options.log_file).map_err(cannot_run)?;
        let mut process = Command::new(python)
            .args(["-c", PROGRAM])
            .arg(options.messages.unwrap_or(Path::new("")))
            .args(options.denied)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal must not reach it: everything else stops before the queue.
            .process_group(0)
            // With a file for messages it must not be killed: it saves them and then exits by itself.
            .kill_on_drop(options.messages.is_none())
            .spawn()
            .map_err(cannot_run)?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(cannot_run(io::ErrorKind::BrokenPipe.into()).into());
        };
        let mut output = BufReader::new(output).lines();
        let line = timeout(START_LIMIT, output.next_line()).await.ok().transpose().map_err(cannot_run)?.flatten();
        let log_file = options.log_file.map(Path::to_owned);
        let no_answer = || format!("moto, which plays the queue, does not start{}", log::hint(log_file.as_deref()));
        let port = line.ok_or_else(no_answer)?;
        Ok(Self { process, input, output, url: format!("http://127.0.0.1:{port}"), log_file })
    }

    /// The endpoint of all services.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the server exits. Returns whether it saved its messages.
    pub async fn ended(&mut self) -> bool {
        let _ = self.process.wait().await;
        matches!(self.output.next_line().await, Ok(Some(_)))
    }

    /// kill -9: the messages are lost.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Stops the server, which then saves its messages. Returns the number of messages by queue.
    pub async fn stop(self) -> Result<BTreeMap<String, usize>, Failure> {
        let Self { mut process, input, mut output, log_file, .. } = self;
        drop(input);
        let ended = timeout(STOP_LIMIT, async {
            let line = output.next_line().await?;
            process.wait().await?;
            Ok::<_, io::Error>(line)
        });
        let line = ended.await.ok().transpose()?.flatten();
        line.and_then(|line| serde_json::from_str(&line).ok()).ok_or_else(|| {
            let hint = log::hint(log_file.as_deref());
            format!("moto, which plays the queue, did not save its messages{hint}").into()
        })
    }
}
