//! One environment of a function. An answer that is not the expected one is an error: its time means nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::lambda::{Environment, FunctionConfig};
use local::processes;
use serde::Deserialize;

use crate::bench::event::Event;
use crate::bench::functions::{EMPTY, Functions, Mode};
use crate::error::LabError;

/// A function's process, which is called again and again.
pub(crate) struct Caller {
    function: &'static str,
    /// Of an answer as it should be.
    status: u16,
    log_file: PathBuf,
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    body: String,
}

impl Caller {
    /// Starts the process, with an empty log; it may not be ready yet.
    pub(crate) async fn start(
        functions: &Functions<'_>,
        function: &'static str,
        database: &str,
        mode: Mode,
    ) -> Result<Self, LabError> {
        Self::start_with(functions.config(function, database, mode), function, mode).await
    }

    /// The same with a configuration of the caller's own.
    pub(crate) async fn start_with(
        config: FunctionConfig,
        function: &'static str,
        mode: Mode,
    ) -> Result<Self, LabError> {
        match fs::remove_file(&config.log_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let environment = Environment::start(&config).await?;
        let status = if mode == Mode::Queue { 202 } else { 200 };
        Ok(Self { function, status, log_file: config.log_file, environment })
    }

    /// From sending an event to having its answer.
    pub(crate) async fn call(&self, event: &Event) -> Result<Duration, LabError> {
        Ok(self.ask(event).await?.0)
    }

    /// The same, and the answer's body.
    pub(crate) async fn ask(&self, event: &Event) -> Result<(Duration, String), LabError> {
        let json = event.json.clone();
        let started = Instant::now();
        let answer = self.environment.invoke("bench", json).await;
        let took = started.elapsed();
        let function = self.function;
        let answer = answer.map_err(|error| LabError::Invoke {
            function,
            error,
            log: format!("ends with: {}", self.last_line()),
        })?;
        let expected = if function == EMPTY { "{}" } else { &event.expected };
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(Answer { status_code, body }) if status_code == self.status && body.contains(expected) => {
                Ok((took, body))
            }
            _ => {
                let answer = String::from_utf8_lossy(&answer).chars().take(300).collect();
                Err(LabError::WrongAnswer { function, answer })
            }
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log_file).unwrap_or_default()
    }

    fn last_line(&self) -> String {
        self.log().lines().last().unwrap_or("(nothing)").chars().take(300).collect()
    }

    /// The most memory that the process had until now, in megabytes.
    pub(crate) fn peak_memory(&self) -> Result<f64, LabError> {
        self.environment.process_id().and_then(processes::peak_memory).ok_or(LabError::NoPeak(self.function))
    }

    /// Ends the process and waits until it is gone: the next measurement has the machine for itself.
    pub(crate) async fn stop(self) {
        self.environment.stop().await;
    }
}
