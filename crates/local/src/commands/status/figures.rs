//! The figures of the dashboard, as a table: who sends, who reads, how fast, then what the alarms watch, then what is paid
//! for by use.

use local::numbers;
use logs_core::clock;
use serde_json::{Value, json};

use super::alarms::Alarm;
use super::cloudwatch;
use crate::commands::aws::CallError;

const PERIOD: i64 = 300;

const HOUR: i64 = 3600;

/// A line of the table.
#[derive(Debug)]
pub(super) struct Figure {
    label: String,
    /// `Metric` and `Stat`; several are shown as the worst of them.
    metrics: Vec<Value>,
    /// When it rings; empty where no alarm watches it.
    rings: String,
    /// The latest five minutes that CloudWatch has, if they are not long ago.
    now: Option<f64>,
    /// The sum of the hour, or its worst value.
    hour: Option<f64>,
}

impl Figure {
    fn of(label: String, namespace: &str, metric: &str, stat: &str, dimensions: &[(&str, &str)]) -> Self {
        let dimensions: Vec<_> =
            dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        let metric = json!({ "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions });
        let metrics = vec![json!({ "Metric": metric, "Stat": stat })];
        Self { label, metrics, rings: String::new(), now: None, hour: None }
    }

    fn of_alarm(alarm: &Alarm, stage: &str) -> Self {
        let label = alarm.short_name(stage).to_owned();
        Self { label, metrics: alarm.watched.clone(), rings: alarm.rings.clone(), now: None, hour: None }
    }

    fn stat(&self) -> &str {
        self.metrics[0]["Stat"].as_str().unwrap_or_default()
    }

    /// Adds what one of its metrics was in each period of the hour, the latest first.
    fn add(&mut self, now: i64, result: &Value) {
        let times = result["Timestamps"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        let values = result["Values"].as_array().into_iter().flatten().map(Value::as_f64);
        let series: Vec<(f64, f64)> = times.zip(values).filter_map(|(time, value)| Some((time, value?))).collect();
        let worst: fn(f64, f64) -> f64 = if self.rings.starts_with('<') { f64::min } else { f64::max };
        let of_hour: fn(f64, f64) -> f64 = if self.stat() == "Sum" { |a, b| a + b } else { worst };
        #[expect(clippy::cast_precision_loss, reason = "a date of some decades")]
        let oldest = (now - 2 * PERIOD) as f64;
        let latest = series.first().filter(|(time, _)| *time >= oldest).map(|(_, value)| *value);
        let hour = series.iter().map(|(_, value)| *value).reduce(of_hour);
        let merge = |known: Option<f64>, new: Option<f64>| known.into_iter().chain(new).reduce(worst);
        self.now = merge(self.now, latest);
        self.hour = merge(self.hour, hour);
    }
}

/// Of the head of the dashboard.
fn overview(stage: &str) -> Vec<Figure> {
    let name = |function: &str| format!("error-codes-{stage}-{function}");
    let post_log = name("post-log");
    let codes = ["Accepted", "Rejected", "Duplicates"].into_iter().map(|metric| {
        let label = format!("codes {}", metric.to_lowercase());
        Figure::of(label, "error-codes", metric, "Sum", &[("FunctionName", &post_log)])
    });
    let of_api = |function: &str, what: &str, metric: &str, stat: &str| {
        let dimensions = [("ApiName", &*name(function)), ("Stage", stage)];
        Figure::of(format!("{function}: {what}"), "AWS/ApiGateway", metric, stat, &dimensions)
    };
    let apis = ["post-log", "get-logs"].into_iter().flat_map(|function| {
        [
            of_api(function, "requests", "Count", "Sum"),
            of_api(function, "refused (4xx)", "4XXError", "Sum"),
            of_api(function, "failed (5xx)", "5XXError", "Sum"),
            of_api(function, "half within, ms", "Latency", "p50"),
            of_api(function, "99 % within, ms", "Latency", "p99"),
        ]
    });
    codes.chain(apis).collect()
}

/// Of the end of the dashboard. The queue and the table are there if an alarm watches them.
fn costs(stage: &str, alarms: &[Alarm]) -> Vec<Figure> {
    let name = |function: &str| format!("error-codes-{stage}-{function}");
    let (post_log, queue) = (name("post-log"), name("batches"));
    let group = format!("/aws/lambda/{post_log}");
    let watched = |dimension: &str| {
        let dimensions = alarms.iter().flat_map(|alarm| &alarm.watched).map(|each| &each["Metric"]["Dimensions"]);
        let mut dimensions = dimensions.filter_map(Value::as_array).flatten();
        dimensions.find(|each| each["Name"] == dimension).and_then(|each| each["Value"].as_str())
    };
    let mut figures = vec![
        Figure::of("post-log: time, ms".to_owned(), "AWS/Lambda", "Duration", "Sum", &[("FunctionName", &post_log)]),
        Figure::of(
            "post-log: bytes of logs".to_owned(),
            "AWS/Logs",
            "IncomingBytes",
            "Sum",
            &[("LogGroupName", &group)],
        ),
    ];
    if watched("QueueName").is_some() {
        for (label, metric, stat) in [
            ("messages that wait", "ApproximateNumberOfMessagesVisible", "Maximum"),
            ("messages sent", "NumberOfMessagesSent", "Sum"),
        ] {
            figures.push(Figure::of(label.to_owned(), "AWS/SQS", metric, stat, &[("QueueName", &queue)]));
        }
    }
    if let Some(table) = watched("TableName") {
        for kind in ["Write", "Read"] {
            let (label, metric) = (format!("{} units", kind.to_lowercase()), format!("Consumed{kind}CapacityUnits"));
            figures.push(Figure::of(label, "AWS/DynamoDB", &metric, "Sum", &[("TableName", table)]));
        }
    }
    figures
}

/// Reads them all in one call.
pub(super) async fn read(stage: &str, alarms: &[Alarm]) -> Result<Vec<Figure>, CallError> {
    let name = format!("error-codes-{stage}");
    let mut figures = overview(stage);
    figures.extend(alarms.iter().map(|alarm| Figure::of_alarm(alarm, &name)));
    figures.extend(costs(stage, alarms));
    let queries = figures.iter().enumerate().flat_map(|(place, figure)| {
        figure.metrics.iter().enumerate().map(move |(part, metric)| {
            let mut stat = metric.clone();
            stat["Period"] = PERIOD.into();
            json!({ "Id": format!("f{place}_{part}"), "MetricStat": stat })
        })
    });
    let now = clock::unix_seconds();
    let body = json!({
        "StartTime": now - HOUR,
        "EndTime": now,
        "ScanBy": "TimestampDescending",
        "MetricDataQueries": queries.collect::<Vec<_>>(),
    });
    for result in cloudwatch::all("GetMetricData", body, "MetricDataResults").await? {
        let place = result["Id"].as_str().and_then(|id| id.trim_start_matches('f').split('_').next()?.parse().ok());
        if let Some(figure) = place.and_then(|place: usize| figures.get_mut(place)) {
            figure.add(now, &result);
        }
    }
    Ok(figures)
}

/// The figures, with a head.
pub(super) fn table(figures: &[Figure]) -> Vec<String> {
    let width = figures.iter().map(|figure| figure.label.chars().count()).max().unwrap_or_default();
    let line = |label: &str, now: &str, hour: &str, rings: &str| {
        format!("{label:<width$}{now:>16}{hour:>16}  {rings}").trim_end().to_owned()
    };
    let number = |value: Option<f64>| value.map_or("-".to_owned(), readable);
    let head = [String::new(), line("", "last 5 minutes", "last hour", "rings")];
    let lines = figures.iter().map(|figure| {
        let rings = figure.rings.split_once(' ').map(|(operator, limit)| {
            format!("{operator} {}", limit.parse().map_or_else(|_| limit.to_owned(), readable))
        });
        line(&figure.label, &number(figure.now), &number(figure.hour), &rings.unwrap_or_default())
    });
    head.into_iter().chain(lines).collect()
}

/// `12,345`, or with a digit after the point where it is small.
fn readable(number: f64) -> String {
    if number.fract() == 0.0 || number.abs() >= 100.0 {
        let digits = format!("{:.0}", number.abs());
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}{}", numbers::grouped(&digits));
    }
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(stat: &str, rings: &str) -> Figure {
        let mut figure = Figure::of("label".to_owned(), "space", "metric", stat, &[]);
        rings.clone_into(&mut figure.rings);
        figure
    }

    #[test]
    fn sums_are_added_up_over_the_hour_and_anything_else_shows_its_worst() {
        let result = json!({ "Timestamps": [10_000, 9_700, 9_400], "Values": [3.0, 5.0, 4.0] });
        for (stat, rings, hour) in
            [("Sum", "", 12.0), ("Maximum", "> 0", 5.0), ("p99", "> 3000", 5.0), ("Minimum", "< 9", 3.0)]
        {
            let mut figure = figure(stat, rings);
            figure.add(10_100, &result);
            assert_eq!((figure.now, figure.hour), (Some(3.0), Some(hour)), "{stat}");
        }
    }

    #[test]
    fn of_several_metrics_the_worst_is_shown_and_old_data_is_not_now() {
        let mut figure = figure("Average", "> 100");
        figure.add(10_100, &json!({ "Timestamps": [10_000], "Values": [3.0] }));
        figure.add(10_100, &json!({ "Timestamps": [7_000], "Values": [8.0] }));
        assert_eq!((figure.now, figure.hour), (Some(3.0), Some(8.0)));
        figure.add(10_100, &json!({ "Timestamps": [], "Values": [] }));
        assert_eq!(figure.now, Some(3.0));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 12.345, 3_000.0, 123_456.7].map(readable), ["0", "12.3", "3,000", "123,457"]);
    }
}
