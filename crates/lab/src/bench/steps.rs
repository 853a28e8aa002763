//! The steps of a cold start of post-log with a secret, timed by its debug log lines.

use std::time::Duration;

use logs_core::clock;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bench::caller::Caller;
use crate::bench::event::Event;
use crate::bench::functions::{Functions, Mode, WRITTEN};
use crate::bench::line::Line;
use crate::bench::samples::Samples;
use crate::error::LabError;

const COUNT: usize = 6;

/// Each step, and the log line that ends it. The last one ends with the answer.
const STEPS: [(&str, &str); COUNT] = [
    ("the process", "started"),
    ("settings", "logging in"),
    ("the secret", "the secret was read"),
    ("TCP, TLS, login", "connected"),
    ("the session", "the session is set up"),
    ("first event and statement", ""),
];

/// The step that asks Secrets Manager.
const SECRET: usize = 2;

/// The times of each step.
#[derive(Default)]
pub(crate) struct Steps {
    all: [Samples; COUNT],
    endpoint: Samples,
}

impl Steps {
    /// Times one start as deployed, and one request to the endpoint by a bare client.
    pub(crate) async fn add(&mut self, functions: &Functions<'_>, event: &Event) -> Result<(), LabError> {
        let times = start(functions, event).await?;
        for (samples, time) in self.all.iter_mut().zip(times) {
            samples.add(time);
        }
        self.endpoint.add(functions.secrets_manager.time().await?);
        Ok(())
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |(index, samples): (usize, &Samples)| {
            let line = Line::milliseconds(format!("  step {}: {}", index + 1, STEPS[index].0), samples.median());
            match index {
                SECRET => line.against("the endpoint's own answer", self.endpoint.median()).more(),
                _ => line,
            }
        };
        self.all.iter().enumerate().map(line).collect()
    }
}

async fn start(functions: &Functions<'_>, event: &Event) -> Result<[Duration; COUNT], LabError> {
    let started = clock::since_epoch();
    let caller = Caller::start(functions, "post-log", WRITTEN, Mode::Steps).await?;
    caller.call(event).await?;
    let answered = clock::since_epoch();
    let times = times(&caller.log(), started, answered);
    caller.stop().await;
    times
}

#[derive(Deserialize)]
struct LogLine {
    timestamp: String,
    message: String,
}

/// The time of each step. `started` and `answered` are times since 1970.
fn times(log: &str, started: Duration, answered: Duration) -> Result<[Duration; COUNT], LabError> {
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
    let mut begin = started;
    let mut times = [Duration::ZERO; COUNT];
    for (index, (time, (_, message))) in times.iter_mut().zip(STEPS).enumerate() {
        let end = if index + 1 == COUNT {
            answered
        } else {
            let line = lines.find(|line| line.message == message);
            let at = line.and_then(|line| OffsetDateTime::parse(&line.timestamp, &Rfc3339).ok());
            let missing = || format!("the log of post-log does not say when this step ended: {message}");
            (at.ok_or_else(missing)? - OffsetDateTime::UNIX_EPOCH).unsigned_abs()
        };
        // A clock that was set back in between spoils one round only.
        *time = end.saturating_sub(begin);
        begin = end;
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(microseconds: u64, message: &str) -> String {
        format!(r#"{{"timestamp":"1970-01-01T00:00:01.{microseconds:06}Z","level":"DEBUG","message":"{message}"}}"#)
    }

    fn second_and(microseconds: u64) -> Duration {
        Duration::from_micros(1_000_000 + microseconds)
    }

    #[test]
    fn each_step_takes_what_lies_between_two_lines() {
        let mut log = vec!["no JSON".to_owned()];
        log.extend(STEPS.iter().zip([10, 30, 60, 100, 150]).map(|((_, message), at)| line(at, message)));
        let times = times(&log.join("\n"), second_and(0), second_and(210)).unwrap();
        assert_eq!(times, [10, 20, 30, 40, 50, 60].map(Duration::from_micros));
    }

    #[test]
    fn a_missing_step_is_an_error() {
        let log = line(10, "started");
        let error = times(&log, second_and(0), second_and(1)).unwrap_err();
        assert!(error.to_string().contains("logging in"), "{error}");
    }
}
