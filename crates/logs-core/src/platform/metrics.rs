//! Metrics: one line of JSON on standard output for each event, in the embedded metric format. CloudWatch turns it into
//! metrics; the function makes no call.
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrique_writer_core::format::Format;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::{Entry, EntryWriter, MetricFlags, Observation, Unit, Value, ValueWriter};
use metrique_writer_format_emf::Emf;

use crate::clock;
use crate::settings::Env;

/// The namespace of all metrics; alarms name it.
const NAMESPACE: &str = "error-codes";

/// The only dimension: the name of the function, which contains the stage.
const DIMENSION: &str = "FunctionName";

/// 1 for the first event of an environment, 0 for all others.
const COLD_START: &str = "ColdStart";

/// One number of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A number of things.
    Count(&'static str, usize),
    /// A duration.
    Seconds(&'static str, u64),
}

/// The metrics of one function.
pub struct Metrics {
    function: String,
    state: Mutex<State>,
}

struct State {
    format: Emf,
    is_cold: bool,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Metrics").field("function", &self.function).finish_non_exhaustive()
    }
}

impl Metrics {
    /// The metrics of the function that `AWS_LAMBDA_FUNCTION_NAME` names; Lambda sets it.
    pub fn from_environment(env: Env<'_>) -> Self {
        let function = env("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "none".to_owned());
        // No validation: all names are constants.
        let format = Emf::no_validations(NAMESPACE.to_owned(), vec![vec![DIMENSION.to_owned()]]);
        Self { function, state: Mutex::new(State { format, is_cold: true }) }
    }

    /// Writes the line of an event, if there is something to count. A closed standard output is not an error.
    pub fn write(&self, metrics: &[Metric]) {
        if metrics.is_empty() {
            return;
        }
        let line = self.line(metrics, clock::since_epoch());
        let _ = std::io::stdout().lock().write_all(&line);
    }

    fn line(&self, metrics: &[Metric], now: Duration) -> Vec<u8> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_cold = std::mem::replace(&mut state.is_cold, false);
        let event = Event { function: &self.function, metrics, is_cold, now: UNIX_EPOCH + now };
        let mut line = Vec::new();
        let _ = state.format.format(&event, &mut line);
        line
    }
}

struct Event<'a> {
    function: &'a str,
    metrics: &'a [Metric],
    is_cold: bool,
    now: SystemTime,
}

impl Entry for Event<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(self.now);
        writer.value(DIMENSION, self.function);
        for metric in self.metrics.iter().chain([&Metric::Count(COLD_START, usize::from(self.is_cold))]) {
            let (Metric::Count(name, _) | Metric::Seconds(name, _)) = metric;
            writer.value(*name, metric);
        }
    }
}

impl Value for Metric {
    fn write(&self, writer: impl ValueWriter) {
        let (number, unit) = match self {
            Self::Count(_, count) => (u64::try_from(*count).unwrap_or(u64::MAX), Unit::Count),
            Self::Seconds(_, seconds) => (*seconds, Unit::Second(NegativeScale::One)),
        };
        writer.metric([Observation::Unsigned(number)], unit, [], MetricFlags::empty());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_is_one_line_in_the_embedded_metric_format() {
        let metrics = Metrics::from_environment(&|_| Some("error-codes-dev-post-log".to_owned()));
        let read = |numbers: &[Metric]| -> Value {
            let line = String::from_utf8(metrics.line(numbers, Duration::from_millis(1_764_000_000_123))).unwrap();
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
            serde_json::from_str(&line).unwrap()
        };
        let numbers = [Metric::Count("Accepted", 2), Metric::Seconds("QueueLag", 7)];
        let expected = json!({
            "_aws": {
                "Timestamp": 1_764_000_000_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "error-codes",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [
                        { "Name": "Accepted", "Unit": "Count" },
                        { "Name": "QueueLag", "Unit": "Seconds" },
                        { "Name": "ColdStart", "Unit": "Count" },
                    ],
                }],
            },
            "FunctionName": "error-codes-dev-post-log", "Accepted": 2, "QueueLag": 7, "ColdStart": 1,
        });
        assert_eq!(read(&numbers), expected);
        assert_eq!(read(&numbers)["ColdStart"], 0, "only the first event is a cold start");
    }

    #[test]
    fn debug_output_of_metrics_shows_the_name_of_the_function() {
        let metrics = Metrics::from_environment(&|_| Some("post-log".to_owned()));
        assert_eq!(format!("{metrics:?}"), r#"Metrics { function: "post-log", .. }"#);
        assert!(format!("{:?}", Metrics::from_environment(&|_| None)).contains(r#""none""#));
    }
}
