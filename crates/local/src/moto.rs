//! AWS services simulated by moto, at an HTTP endpoint on this machine.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The region of all resources.
pub const REGION: &str = "eu-central-1";

/// Access key and secret: moto accepts any.
pub const KEY: &str = "made-up";

/// The limit for its start. Python loads moto in a second, or in several on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The limit for saving its messages.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// The Python program. Passed to Python as text, so that this binary does not depend on the folder it was built in.
const PROGRAM: &str = concat!(include_str!("../moto/queues.py"), "\n\n", include_str!("../moto/server.py"));

/// What to run.
#[derive(Debug, Default)]
pub struct MotoOptions<'a> {
    /// Python with moto; by default the one that `MOTO_PYTHON` names.
    pub python: Option<&'a Path>,
    /// File for the messages that are in the queues at the stop; the next run loads it.
    pub messages: Option<&'a Path>,
    /// Operations that are denied, like `secretsmanager.GetSecretValue`.
    pub denied: &'a [&'a str],
    /// Log file; by default our own standard error.
    pub log_file: Option<&'a Path>,
}

/// A running server. It exits when this value is dropped or this process ends, even by kill -9: it reads a pipe from us.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    url: String,
    log_file: Option<PathBuf>,
}

/// Why moto does not run.
#[derive(Debug, thiserror::Error)]
pub enum MotoError {
    /// No Python with moto was named.
    #[error("MOTO_PYTHON is not set; ./dev installs moto and sets it: ./dev up --queued")]
    NotInstalled,
    /// Its process cannot be started or read.
    #[error("moto, which plays the queue, cannot be run: {0}")]
    Io(#[from] io::Error),
    /// It exited, or did not start in time.
    #[error("moto, which plays the queue, does not start{}", log_hint(.0.as_deref()))]
    NoAnswer(Option<PathBuf>),
    /// It did not confirm that its messages are saved.
    #[error("moto, which plays the queue, did not save its messages{}", log_hint(.0.as_deref()))]
    NotKept(Option<PathBuf>),
}

fn log_hint(log_file: Option<&Path>) -> String {
    log_file.map_or_else(String::new, |file| format!("; {} says why", file.display()))
}

impl Moto {
    /// Starts the server on a free port.
    pub async fn start(options: &MotoOptions<'_>) -> Result<Self, MotoError> {
        let named = || std::env::var_os("MOTO_PYTHON").filter(|python| !python.is_empty()).map(PathBuf::from);
        let python = options.python.map(Path::to_owned).or_else(named);
        let log = match options.log_file {
            Some(file) => std::fs::OpenOptions::new().create(true).append(true).open(file)?.into(),
            None => Stdio::inherit(),
        };
        let mut process = Command::new(python.ok_or(MotoError::NotInstalled)?)
            .args(["-c", PROGRAM])
            .arg(options.messages.unwrap_or(Path::new("")))
            .args(options.denied)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal must not reach it: the queue is needed until everything else has stopped.
            .process_group(0)
            // With a file for messages it must not be killed: it exits by itself after saving them.
            .kill_on_drop(options.messages.is_none())
            .spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(MotoError::Io(io::ErrorKind::BrokenPipe.into()));
        };
        let mut output = BufReader::new(output).lines();
        let line = timeout(START_LIMIT, output.next_line()).await.ok().transpose()?.flatten();
        let log_file = options.log_file.map(Path::to_owned);
        let port = line.ok_or_else(|| MotoError::NoAnswer(log_file.clone()))?;
        Ok(Self { process, input, output, url: format!("http://127.0.0.1:{port}"), log_file })
    }

    /// The endpoint of every service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the server has exited. Returns whether it saved its messages.
    pub async fn ended(&mut self) -> bool {
        let _ = self.process.wait().await;
        matches!(self.output.next_line().await, Ok(Some(_)))
    }

    /// kill -9: the messages are lost.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Stops the server, which saves its messages. Returns the number of messages by queue name.
    pub async fn stop(self) -> Result<BTreeMap<String, usize>, MotoError> {
        let Self { mut process, input, mut output, log_file, .. } = self;
        drop(input);
        let ended = timeout(STOP_LIMIT, async {
            let line = output.next_line().await?;
            process.wait().await?;
            Ok::<_, io::Error>(line)
        });
        let line = ended.await.ok().transpose()?.flatten();
        line.and_then(|line| serde_json::from_str(&line).ok()).ok_or(MotoError::NotKept(log_file))
    }
}
