//! One environment of a function. An answer that is not the expected one is an error: its time means nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::lambda::Environment;
use serde::Deserialize;

use crate::error::BenchError;
use crate::event::Event;
use crate::stage::{Mode, Stage};

/// The function that does nothing.
pub(crate) const EMPTY: &str = "empty-function";

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
        stage: &Stage,
        function: &'static str,
        database: &str,
        mode: Mode,
    ) -> Result<Self, BenchError> {
        let config = stage.function(function, database, mode);
        match fs::remove_file(&config.log_file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let environment = Environment::start(&config).await?;
        let status = if mode == Mode::Queue { 202 } else { 200 };
        Ok(Self { function, status, log_file: config.log_file, environment })
    }

    /// From sending an event to having its answer.
    pub(crate) async fn call(&mut self, event: &Event) -> Result<Duration, BenchError> {
        let json = event.json.clone().into();
        let started = Instant::now();
        let answer = self.environment.invoke("bench", json).await;
        let took = started.elapsed();
        let answer = answer.map_err(|error| BenchError::Invoke {
            function: self.function,
            error,
            log: last_line(&self.log()),
        })?;
        let expected = if self.function == EMPTY { "{}" } else { &event.expected };
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(Answer { status_code, body }) if status_code == self.status && body.contains(expected) => Ok(took),
            _ => {
                let answer = String::from_utf8_lossy(&answer).chars().take(300).collect();
                Err(BenchError::WrongAnswer { function: self.function, answer })
            }
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log_file).unwrap_or_default()
    }

    /// The most memory that the process had until now, in megabytes.
    pub(crate) fn peak_memory(&self) -> Result<f64, BenchError> {
        let status = self.environment.process_id().map(|id| fs::read_to_string(format!("/proc/{id}/status")));
        let status = status.transpose()?.unwrap_or_default();
        peak(&status).ok_or(BenchError::NoPeak(self.function))
    }

    /// Ends the process and waits until it is gone: the next measurement has the machine for itself.
    pub(crate) async fn stop(self) {
        self.environment.stop().await;
    }
}

/// Megabytes, of 1,000,000 bytes; the kernel's kB are 1024 bytes.
fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024.0 / 1e6)
}

fn last_line(log: &str) -> String {
    log.lines().last().unwrap_or("(nothing)").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_a_process() {
        let status = "Name:\tpost-log\nVmPeak:\t   90000 kB\nVmHWM:\t    6250 kB\nVmRSS:\t    5000 kB\n";
        assert!((peak(status).unwrap() - 6.4).abs() < 1e-9);
        assert!(peak("Name:\tpost-log\n").is_none());
    }
}
