//! An execution environment: a process of the function's binary, with the Runtime API that it polls.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::log;
use super::runtime_api::{Event, Reply, RuntimeApi};
use crate::processes::is_ending;

/// Lambda gives a function 10 s to start.
const START_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// For the log.
    pub name: String,
    /// The binary, which Lambda calls `bootstrap`.
    pub program: PathBuf,
    /// All environment variables; none are inherited. With `AWS_LAMBDA_MAX_CONCURRENCY=N` an environment gets up to N events
    /// at once, as on Lambda Managed Instances.
    pub variables: Vec<(String, String)>,
    /// Per event.
    pub timeout: Duration,
    /// Maximum number of environments (Lambda: reserved concurrency).
    pub concurrency: usize,
    /// For standard output and error.
    pub log_file: PathBuf,
}

/// Tells a function how many events it may get at once.
pub(crate) const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

impl FunctionConfig {
    /// How many events an environment may have at once. By default one.
    pub(super) fn events_per_environment(&self) -> usize {
        let setting = self.variables.iter().find(|(name, _)| name == MAX_CONCURRENCY);
        setting.and_then(|(_, value)| value.parse().ok()).filter(|events| *events > 0).unwrap_or(1)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("all environments are busy")]
    Throttled,
    #[error("the function cannot be started: {0}")]
    Start(#[source] io::Error),
    #[error("the function ended without an answer")]
    Crashed,
    /// The process was killed.
    #[error("the function took too long")]
    Overdue,
    /// The function reported an error.
    #[error("the function failed: {0}")]
    Failed(String),
}

/// A running environment. Dropping it kills the process, as Lambda does.
pub struct Environment {
    process_id: Option<u32>,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    log: log::Identity,
    api: RuntimeApi,
    timeout: Duration,
}

impl Environment {
    /// Starts the process. It may not be ready yet.
    pub async fn start(config: &FunctionConfig) -> io::Result<Self> {
        let api = RuntimeApi::start(config.events_per_environment()).await?;
        let log = log::open(&config.log_file)?;
        let log_identity = log::Identity::of(&log)?;
        let process = Command::new(&config.program)
            .env_clear()
            .env("AWS_REGION", "local")
            .envs(config.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &config.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in a terminal must not reach it: the gateways stop first.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let process_id = process.id();
        let (stop, stopped) = watch::channel(false);
        let (ending, ended) = watch::channel(false);
        tokio::spawn(watch_process(process, stopped, ending));
        Ok(Self { process_id, stop, ended, log: log_identity, api, timeout: config.timeout })
    }

    /// Sends one event and waits for the answer. After any error but [`InvokeError::Failed`], the environment is useless.
    /// The caller must respect the maximum number of events.
    pub async fn invoke(&self, id: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let (fetched, is_fetched) = oneshot::channel();
        let (reply, replied) = oneshot::channel();
        let event = Event { id: id.to_owned(), body: event, timeout: self.timeout, fetched, reply };
        self.api.events.send(event).await.map_err(|_| InvokeError::Crashed)?;

        let answer = async {
            timeout(START_LIMIT, is_fetched)
                .await
                .map_err(|_| InvokeError::Overdue)?
                .map_err(|_| InvokeError::Crashed)?;
            timeout(self.timeout, replied).await.map_err(|_| InvokeError::Overdue)?.map_err(|_| InvokeError::Crashed)
        };
        tokio::select! {
            biased;
            answer = answer => match answer? {
                Reply::Response(body) => Ok(body),
                Reply::Error(body) => Err(InvokeError::Failed(String::from_utf8_lossy(&body).into_owned())),
            },
            () = self.until_ended() => Err(InvokeError::Crashed),
        }
    }

    /// Whether the process runs. A process that is being killed still exists for a moment, but would lose an event.
    pub fn is_alive(&self) -> bool {
        self.process_id().is_some_and(|id| !is_ending(id))
    }

    /// Whether it writes to the file that has this path now.
    pub(super) fn logs_to(&self, path: &Path) -> bool {
        self.log.is_at(path)
    }

    pub fn process_id(&self) -> Option<u32> {
        self.process_id.filter(|_| !*self.ended.borrow())
    }

    /// Kills the process and waits until it is gone. Its events are lost.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.until_ended().await;
    }

    async fn until_ended(&self) {
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }
}

/// Waits for the process. Kills it on `stop`, or when the environment is dropped.
async fn watch_process(mut process: Child, mut stop: watch::Receiver<bool>, ended: watch::Sender<bool>) {
    let was_stopped = tokio::select! {
        _ = process.wait() => false,
        _ = stop.wait_for(|stop| *stop) => true,
    };
    if was_stopped {
        let _ = process.kill().await;
    }
    ended.send_replace(true);
}
