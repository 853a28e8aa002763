//! One environment of a function. Any answer but the expected one is an error.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::lambda::{Environment, FunctionConfig};
use serde::Deserialize;

use crate::bench::event::Event;
use crate::bench::functions::{EMPTY, Functions, Mode};
use crate::error::{LabError, invocation_failed, wrong_answer};
use crate::testbed::peak_memory;

/// A running environment.
pub(crate) struct Caller {
    function: &'static str,
    /// The expected status.
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
    /// Starts the process, with an empty log. It may not be ready yet.
    pub(crate) async fn start(
        functions: &Functions<'_>,
        function: &'static str,
        database: &str,
        mode: Mode,
    ) -> Result<Self, LabError> {
        Self::start_with(functions.config(function, database, mode), function, mode).await
    }

    /// The same, with any configuration.
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

    /// Times a new process, from its start to its first answer.
    pub(crate) async fn cold_start(
        starting: impl Future<Output = Result<Self, LabError>>,
        event: &Event,
    ) -> Result<Duration, LabError> {
        let started = Instant::now();
        let caller = starting.await?;
        caller.call(event).await?;
        let took = started.elapsed();
        caller.stop().await;
        Ok(took)
    }

    /// Times one event, from sending it to its answer.
    pub(crate) async fn call(&self, event: &Event) -> Result<Duration, LabError> {
        Ok(self.ask(event).await?.0)
    }

    /// The same, with the body of the answer.
    pub(crate) async fn ask(&self, event: &Event) -> Result<(Duration, String), LabError> {
        let json = event.json.clone();
        let started = Instant::now();
        let answer = self.environment.invoke("bench", json).await;
        let took = started.elapsed();
        let function = self.function;
        let answer =
            answer.map_err(|error| invocation_failed(function, &error, &format!("ends with: {}", self.last_line())))?;
        let expected = if function == EMPTY { "{}" } else { &event.expected };
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(Answer { status_code, body }) if status_code == self.status && body.contains(expected) => {
                Ok((took, body))
            }
            _ => Err(wrong_answer(function, &answer)),
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log_file).unwrap_or_default()
    }

    fn last_line(&self) -> String {
        self.log().lines().last().unwrap_or("(nothing)").chars().take(300).collect()
    }

    /// The peak memory of the process so far, in megabytes.
    pub(crate) fn peak_memory(&self) -> Result<f64, LabError> {
        peak_memory(&self.environment, self.function)
    }

    /// Ends the process and waits for it, so that the next measurement has the machine for itself.
    pub(crate) async fn stop(self) {
        self.environment.stop().await;
    }
}
