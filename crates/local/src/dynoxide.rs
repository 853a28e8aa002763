//! DynamoDB as dynoxide plays it: a real HTTP endpoint on this machine, on a file or in memory.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use logs_core::dynamodb::{DynamoStore, TableSettings};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::database::{PORT_TRIES, free_port, is_taken};
use crate::lambda::log;
use crate::moto::{KEY, REGION};
use crate::processes::{children_of, listens, runs};

/// It starts in milliseconds; on a busy machine, in seconds.
const START_LIMIT: Duration = Duration::from_mins(1);

/// Ends the server when its standard input closes, that is with this program, even by kill -9.
const SCRIPT: &str =
    r#"exec 3<&0; "$@" 3<&- </dev/null & child=$!; (read -r _ <&3; kill $child) 2>/dev/null & wait $child"#;

#[derive(Clone, Debug, Default)]
pub struct DynoxideOptions {
    /// By default the program in `DYNOXIDE`.
    pub program: Option<PathBuf>,
    /// Without a file, the data is in memory.
    pub file: Option<PathBuf>,
    /// By default a free one.
    pub port: Option<u16>,
    /// By default our own standard error.
    pub log_file: Option<PathBuf>,
}

/// A running server. It exits when this value is dropped or this process ends.
#[derive(Debug)]
pub struct Dynoxide {
    process: Child,
    /// Keeps the server running while it is open. Not in `process`: waiting for a process closes its input.
    input: Option<ChildStdin>,
    port: u16,
    program: PathBuf,
    options: DynoxideOptions,
}

/// The settings of a function on a table. The server accepts any region and credentials.
pub fn settings(table: &str, url: &str) -> [(&'static str, String); 5] {
    [
        ("TABLE_NAME", table),
        ("AWS_ENDPOINT_URL_DYNAMODB", url),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", KEY),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}

impl Dynoxide {
    /// Starts the server on loopback. Another program may take a free port before the server does; then another port is
    /// tried.
    pub async fn start(options: &DynoxideOptions) -> Result<Self, Failure> {
        match options.port {
            Some(port) => Self::start_on(options, port).await,
            None => Self::start_on_or_near(options, free_port()?).await,
        }
    }

    async fn start_on_or_near(options: &DynoxideOptions, first: u16) -> Result<Self, Failure> {
        let mut port = first;
        for _ in 1..PORT_TRIES {
            match Self::start_on(options, port).await {
                Err(_) if is_taken(port) => port = free_port()?,
                other => return other,
            }
        }
        Self::start_on(options, port).await
    }

    async fn start_on(options: &DynoxideOptions, port: u16) -> Result<Self, Failure> {
        let named = || std::env::var_os("DYNOXIDE").filter(|program| !program.is_empty()).map(PathBuf::from);
        let missing = "DYNOXIDE is not set; ./dev installs dynoxide and sets it: ./dev up --store dynamodb";
        let program = options.program.clone().or_else(named).ok_or(missing)?;
        let cannot_run = |error: io::Error| format!("dynoxide, which plays DynamoDB, cannot be run: {error}");
        let log = log::output(options.log_file.as_deref()).map_err(cannot_run)?;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(&program).args(["serve", "--host", "127.0.0.1", "--port"]);
        command.arg(port.to_string());
        if let Some(file) = &options.file {
            command.arg("--db-path").arg(file);
        }
        // Ctrl-C in a terminal must not reach it: everything else stops before the table.
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(cannot_run)?;
        let input = process.stdin.take();
        let options = DynoxideOptions { port: Some(port), ..options.clone() };
        let mut server = Self { process, input, port, program, options };
        if server.until_up().await {
            return Ok(server);
        }
        let hint = log::hint(server.options.log_file.as_deref());
        Err(format!("dynoxide, which plays DynamoDB, does not start{hint}").into())
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn process_id(&self) -> Option<u32> {
        // Our child is the shell around it.
        let program = std::fs::canonicalize(&self.program).ok()?;
        children_of(self.process.id()?).into_iter().find(|id| runs(*id, &program))
    }

    /// Starts a server that has exited again, with the same data and on the same port.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        *self = Self::start(&self.options.clone()).await?;
        Ok(())
    }

    /// A table on this server, whether it exists or not.
    pub fn table(&self, name: &str) -> Result<DynamoStore, Failure> {
        let settings =
            TableSettings::from_environment(&|variable| (variable == "TABLE_NAME").then(|| name.to_owned()))?;
        Ok(DynamoStore::at(&self.url(), settings.ok_or("a table needs a name")?)?)
    }

    pub async fn version(&self) -> io::Result<String> {
        let output = Command::new(&self.program).arg("--version").output().await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Returns when the server has exited.
    pub async fn ended(&mut self) {
        let _ = self.process.wait().await;
    }

    pub async fn stop(mut self) {
        drop(self.input.take());
        self.ended().await;
    }

    /// Asks the kernel, not the port: a program that has taken it would answer, too.
    async fn until_up(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT && self.is_running() {
            if self.process_id().is_some_and(|id| listens(id, self.port)) {
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_port_that_another_program_took_is_replaced() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port can be had");
        let port = taken.local_addr().expect("it has an address").port();
        let mut server = Dynoxide::start_on_or_near(&DynoxideOptions::default(), port).await.expect("it starts");
        assert!(server.port() != port && server.is_running());
        server.stop().await;
        let fixed = DynoxideOptions { port: Some(port), ..DynoxideOptions::default() };
        let error = Dynoxide::start(&fixed).await.expect_err("functions know this port");
        assert!(error.to_string().contains("does not start"), "{error}");
    }
}
