//! The alarms of a stage, as CloudWatch has them.

use serde_json::{Value, json};

use super::cloudwatch;
use crate::commands::aws::CallError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Alarm,
    /// It has no data yet.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Alarm {
    name: String,
    /// Ends with the section of the runbook: `post-log ended without an answer: docs/runbook.md#function-errors`.
    description: String,
    pub(super) state: State,
    /// Unix seconds of the last change.
    pub(super) since: i64,
    /// When it rings: `> 0`.
    pub(super) rings: String,
    /// What it watches: one metric, or those that its expression gathers. Each has `Metric`, `Period` and `Stat`.
    pub(super) watched: Vec<Value>,
}

impl Alarm {
    fn of(json: &Value) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let gathered = json["Metrics"].as_array().into_iter().flatten();
        let mut watched: Vec<_> =
            gathered.map(|each| &each["MetricStat"]).filter(|each| each.is_object()).cloned().collect();
        if watched.is_empty() {
            let stat = if json["Statistic"].is_string() { &json["Statistic"] } else { &json["ExtendedStatistic"] };
            let metric = ["Namespace", "MetricName", "Dimensions"].map(|name| (name.to_owned(), json[name].clone()));
            watched.push(json!({ "Metric": Value::from_iter(metric), "Stat": stat }));
        }
        let operator = if json["ComparisonOperator"] == "LessThanThreshold" { "<" } else { ">" };
        #[expect(clippy::cast_possible_truncation, reason = "a date of some decades")]
        let since = json["StateUpdatedTimestamp"].as_f64().unwrap_or_default() as i64;
        Self {
            name: text("AlarmName"),
            description: text("AlarmDescription"),
            state: match json["StateValue"].as_str() {
                Some("OK") => State::Ok,
                Some("ALARM") => State::Alarm,
                _ => State::Unknown,
            },
            since,
            rings: format!("{operator} {}", json["Threshold"].as_f64().unwrap_or_default()),
            watched,
        }
    }

    /// What is wrong when it rings.
    pub(super) fn what(&self) -> &str {
        self.description.rsplit_once(": docs/").map_or(&*self.description, |(what, _)| what)
    }

    /// The section of the runbook.
    pub(super) fn anchor(&self) -> &str {
        self.description.rsplit_once("docs/runbook.md#").map_or("", |(_, anchor)| anchor)
    }

    /// Its name without the stage's.
    pub(super) fn short_name(&self, stage: &str) -> &str {
        self.name.strip_prefix(stage).map_or(&*self.name, |name| name.trim_start_matches('-'))
    }
}

/// All alarms whose names begin with that of the stage.
pub(super) async fn read(stage: &str) -> Result<Vec<Alarm>, CallError> {
    let body = json!({ "AlarmNamePrefix": format!("{stage}-"), "MaxRecords": 100 });
    let found = cloudwatch::all("DescribeAlarms", body, "MetricAlarms").await?;
    Ok(found.iter().map(Alarm::of).collect())
}
