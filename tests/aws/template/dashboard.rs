//! The dashboard of a stage: it shows what exists, and every alarm.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::alarms::{METRICS, alarms};
use crate::harness::{EXISTING, Project, Template, variants};

/// Metrics of AWS that no alarm watches, with their dimensions.
const MORE: [(&str, &str, &[&str]); 9] = [
    ("AWS/ApiGateway", "Count", &["ApiName", "Stage"]),
    ("AWS/ApiGateway", "4XXError", &["ApiName", "Stage"]),
    ("AWS/ApiGateway", "Latency", &["ApiName", "Stage"]),
    ("AWS/Lambda", "ConcurrentExecutions", &["FunctionName"]),
    ("AWS/Logs", "IncomingBytes", &["LogGroupName"]),
    ("AWS/SQS", "NumberOfMessagesSent", &["QueueName"]),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits", &["TableName"]),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits", &["TableName"]),
    ("AWS/RDS", "CPUCreditBalance", &["DBInstanceIdentifier"]),
];

/// CloudWatch's limit for the three dashboards that are free.
const FREE_METRICS: usize = 50;

const COLUMNS: u64 = 24;

/// A line of a graph: namespace and metric, dimensions, and statistic.
struct Line {
    namespace: String,
    metric: String,
    dimensions: Vec<(String, String)>,
    options: Value,
}

impl Line {
    fn of(parts: &Value) -> Self {
        let (options, names) = parts.as_array().expect("a list").split_last().expect("it has parts");
        let names: Vec<String> = names.iter().map(|name| name.as_str().expect("a text").to_owned()).collect();
        let dimensions = names[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        Self { namespace: names[0].clone(), metric: names[1].clone(), dimensions, options: options.clone() }
    }
}

fn body(template: &Template) -> Option<Value> {
    let text = template.resources().get("Dashboard")?["Properties"]["DashboardBody"]["Fn::Sub"].as_str();
    Some(serde_json::from_str(text.expect("a text")).expect("JSON"))
}

fn widgets(body: &Value, kind: &str) -> Vec<Value> {
    let all = body["widgets"].as_array().expect("a list").iter();
    all.filter(|widget| widget["type"] == kind).map(|widget| widget["properties"].clone()).collect()
}

fn lines(graph: &Value) -> Vec<Line> {
    graph["metrics"].as_array().expect("a list").iter().map(Line::of).collect()
}

/// Stages with a dashboard: both engines, with and without a queue, a created and an existing database.
fn with_dashboard() -> Vec<&'static Template> {
    let all: Vec<_> = variants().into_iter().filter(|template| template.has("Dashboard")).collect();
    assert!(all.iter().any(|template| template.has("Table") && template.has("Queue")));
    assert!(all.iter().any(|template| template.has("Database") && template.has("Queue")));
    assert!(all.iter().any(|template| template.has("Database") && !template.has("Queue")));
    all
}

/// The kind of resource that a dimension names.
fn kind_of(dimension: &str) -> &'static str {
    match dimension {
        "FunctionName" => "AWS::Lambda::Function",
        "ApiName" => "AWS::ApiGateway::RestApi",
        "Stage" => "AWS::ApiGateway::Stage",
        "DBInstanceIdentifier" => "AWS::RDS::DBInstance",
        "TableName" => "AWS::DynamoDB::Table",
        "QueueName" => "AWS::SQS::Queue",
        "LogGroupName" => "AWS::Logs::LogGroup",
        name => panic!("what is {name}?"),
    }
}

/// Whether the template has the resource that a dimension names.
fn is_there(template: &Template, (name, value): &(String, String)) -> bool {
    if name == "Operation" {
        return ["PutItem", "TransactWriteItems", "Query"].contains(&value.as_str());
    }
    let kind = kind_of(name);
    if name == "ApiName" {
        return template.of_type(kind).into_iter().any(|(_, api)| api["Name"] == *value);
    }
    let id = value.trim_start_matches("${").trim_end_matches('}').trim_end_matches(".QueueName");
    template.of_type(kind).into_iter().any(|(found, _)| found == id)
}

/// Whether the code of a function writes such a metric.
fn is_written(function: &str, metric: &str) -> bool {
    let crate_name = function.trim_start_matches("${").trim_end_matches("LambdaFunction}");
    let crate_name = crate_name.chars().fold(String::new(), |name, letter| {
        let dash = if letter.is_uppercase() && !name.is_empty() { "-" } else { "" };
        name + dash + &letter.to_lowercase().to_string()
    });
    let path = format!("{}/../crates/{crate_name}/src/lib.rs", env!("CARGO_MANIFEST_DIR"));
    let code = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    code.contains(&format!(r#"("{metric}", "#))
}

/// What the dashboard shows although neither AWS, the template nor the code has it.
fn unknown(template: &Template, body: &Value) -> Vec<String> {
    let all = widgets(body, "metric");
    all.iter().flat_map(lines).filter(|line| !is_known(template, line)).map(|line| line.metric).collect()
}

fn is_known(template: &Template, line: &Line) -> bool {
    let names: Vec<_> = line.dimensions.iter().map(|(name, _)| name.as_str()).collect();
    let is_measured = if line.namespace == "error-codes" {
        names == ["FunctionName"] && is_written(&line.dimensions[0].1, &line.metric)
    } else {
        let mut known = METRICS.iter().chain(&MORE);
        known.any(|(space, name, dimensions)| line.namespace == *space && line.metric == *name && names == *dimensions)
    };
    is_measured && line.dimensions.iter().all(|dimension| is_there(template, dimension))
}

/// The alarms that have no graph with their metrics and their threshold, or are not on the list at the head.
fn unseen(template: &Template, body: &Value) -> Vec<String> {
    let listed = widgets(body, "alarm").remove(0)["alarms"].clone();
    let graphs = widgets(body, "metric");
    let is_seen = |id: &str, alarm: &Value| {
        let is_listed = listed.as_array().expect("a list").contains(&json!(format!("${{{id}.Arn}}")));
        is_listed && graphs.iter().any(|graph| shows(graph, alarm))
    };
    let unseen = alarms(template).into_iter().filter(|(id, alarm)| !is_seen(id, alarm));
    unseen.map(|(id, _)| id.to_owned()).collect()
}

fn shows(graph: &Value, alarm: &Value) -> bool {
    let title = graph["title"].as_str().expect("a text").split(':').next().expect("a word").to_owned();
    let link = format!("#{}", title.to_lowercase().replace(' ', "-"));
    let is_section = alarm["AlarmDescription"].as_str().expect("a text").ends_with(&link);
    let draws = |metric: &Value, stat: &Value| {
        lines(graph).iter().any(|line| {
            metric["Namespace"] == *line.namespace
                && metric["MetricName"] == *line.metric
                && line.options["stat"] == *stat
                && line.dimensions == dimensions(metric)
        })
    };
    let stat = alarm.get("Statistic").unwrap_or(&alarm["ExtendedStatistic"]);
    let are_drawn = match alarm["Metrics"].as_array() {
        None => draws(alarm, stat),
        Some(all) => {
            let mut gathered = all.iter().filter(|metric| metric.get("MetricStat").is_some());
            gathered.all(|metric| draws(&metric["MetricStat"]["Metric"], &metric["MetricStat"]["Stat"]))
        }
    };
    is_section && are_drawn && graph["annotations"]["horizontal"][0]["value"] == alarm["Threshold"]
}

/// The dimensions of an alarm, as in the text of a dashboard.
fn dimensions(metric: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match (&value["Ref"], &value["Fn::GetAtt"]) {
        (Value::String(id), _) => format!("${{{id}}}"),
        (_, Value::Array(parts)) => {
            format!("${{{}.{}}}", parts[0].as_str().expect("an id"), parts[1].as_str().expect("a name"))
        }
        _ => value.as_str().expect("a text").to_owned(),
    };
    let all = metric["Dimensions"].as_array().expect("a list").iter();
    all.map(|each| (each["Name"].as_str().expect("a text").to_owned(), text(&each["Value"]))).collect()
}

#[test]
fn the_dashboard_shows_only_what_the_template_and_the_code_have() {
    for template in with_dashboard() {
        assert_eq!(unknown(template, &body(template).expect("it has one")), Vec::<String>::new(), "{}", template.name);
    }
}

#[test]
fn every_alarm_is_on_the_dashboard_with_its_threshold() {
    for template in with_dashboard() {
        assert_eq!(unseen(template, &body(template).expect("it has one")), Vec::<String>::new(), "{}", template.name);
    }
}

/// Proves that the two tests above can fail.
#[test]
fn a_renamed_metric_a_removed_resource_and_a_missing_graph_are_noticed() {
    let queued = with_dashboard().into_iter().find(|template| template.has("Queue")).expect("there is one");
    let before = body(queued).expect("it has one");
    let renamed = |from: &str, to: &str| serde_json::from_str(&before.to_string().replace(from, to)).expect("JSON");
    assert_eq!(unknown(queued, &renamed("Rejected", "Refused")), ["Refused"]);
    assert_eq!(
        unknown(queued, &renamed("${StoreLogsLambdaFunction}", "${GetLogsLambdaFunction}"))[..2],
        ["QueueLag", "Failed"]
    );
    let mut without = Template { name: "without a queue".to_owned(), json: queued.json.clone() };
    without.json["Resources"].as_object_mut().expect("an object").remove("DeadLetterQueue");
    assert_eq!(unknown(&without, &before), ["ApproximateNumberOfMessagesVisible"]);

    assert_eq!(unseen(queued, &renamed("QueueLag", "QueueAge")), ["StoreLogsLagAlarm"]);
    assert_eq!(unseen(queued, &renamed("${QueueAgeAlarm.Arn}", "")), ["QueueAgeAlarm"]);
}

#[test]
fn graphs_of_alarms_stand_in_the_order_of_the_runbook() {
    let runbook = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md"));
    let runbook = runbook.expect("it is there");
    let sections: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for template in with_dashboard() {
        let graphs = widgets(&body(template).expect("it has one"), "metric");
        let with_alarm = graphs.iter().filter(|graph| graph.get("annotations").is_some());
        let titles =
            with_alarm.map(|graph| graph["title"].as_str().expect("a text").split(':').next().expect("a word"));
        let places: Vec<_> = titles.map(|title| sections.iter().position(|section| *section == title)).collect();
        assert!(places.iter().all(Option::is_some), "{}: {places:?}", template.name);
        assert!(places.is_sorted(), "{}: {places:?}", template.name);
    }
}

#[test]
fn latency_by_status_comes_from_the_access_logs_of_this_stage() {
    for template in with_dashboard() {
        let tables = widgets(&body(template).expect("it has one"), "log");
        assert_eq!(tables.len(), 2, "{}", template.name);
        for (table, api) in tables.iter().zip(["PostLog", "GetLogs"]) {
            let query = table["query"].as_str().expect("a text");
            let group = template.properties(&format!("{api}AccessLog"))["LogGroupName"].as_str().expect("a name");
            assert!(query.starts_with(&format!("SOURCE '{group}' | filter ")), "{query}");
            let format = template.properties(&format!("{api}Stage"))["AccessLogSetting"]["Format"].to_string();
            for field in ["status", "latency_ms"] {
                assert!(query.contains(field) && format.contains(&format!(r#"\"{field}\""#)), "{field}");
            }
        }
    }
}

#[test]
fn no_widget_lies_on_another_and_the_dashboard_is_one_of_the_free_ones() {
    for template in with_dashboard() {
        let body = body(template).expect("it has one");
        let mut cells = BTreeSet::new();
        for widget in body["widgets"].as_array().expect("a list") {
            let [x, y, width, height] =
                ["x", "y", "width", "height"].map(|name| widget[name].as_u64().expect("a number"));
            assert!(x + width <= COLUMNS, "{widget}");
            for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
                assert!(cells.insert(cell), "{}: {}", template.name, widget["properties"]["title"]);
            }
        }
        let drawn: BTreeSet<_> = widgets(&body, "metric")
            .iter()
            .flat_map(lines)
            .map(|line| (line.namespace, line.metric, line.dimensions, line.options["stat"].to_string()))
            .collect();
        assert!(drawn.len() <= FREE_METRICS, "{}: {} metrics", template.name, drawn.len());
    }
}

#[test]
fn a_stage_has_a_dashboard_if_the_parameter_says_so() {
    for template in variants() {
        assert_eq!(template.has("Dashboard"), template.stage() == "prod", "{}", template.name);
    }
    let parameters = [&EXISTING[..], &["databaseInstance=my-database", "dashboard=true"]].concat();
    let template = Project::copy().package("dev", &parameters).expect("it can be packaged");
    assert_eq!(template.properties("Dashboard")["DashboardName"], "error-codes-dev");
    let body = body(&template).expect("it has one");
    assert_eq!(unseen(&template, &body), Vec::<String>::new());
    assert!(body.to_string().contains(r#""DBInstanceIdentifier","my-database""#));
    let template = Project::copy().package("prod", &["dashboard=false"]).expect("it can be packaged");
    assert!(!template.has("Dashboard"));
}
