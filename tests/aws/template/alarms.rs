//! The alarms: each watches something that exists, and says where the operator reads on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{EXISTING, Project, Template, dynamodb, mysql, variant, variants};

/// The metrics of AWS and of store-logs, with their dimensions.
pub(super) const METRICS: [(&str, &str, &[&str]); 16] = [
    ("AWS/Lambda", "Throttles", &["FunctionName"]),
    ("AWS/Lambda", "Errors", &["FunctionName"]),
    ("AWS/Lambda", "Duration", &["FunctionName"]),
    ("AWS/ApiGateway", "5XXError", &["ApiName", "Stage"]),
    ("AWS/RDS", "DatabaseConnections", &["DBInstanceIdentifier"]),
    ("AWS/RDS", "CPUUtilization", &["DBInstanceIdentifier"]),
    ("AWS/RDS", "FreeStorageSpace", &["DBInstanceIdentifier"]),
    ("AWS/DynamoDB", "WriteThrottleEvents", &["TableName"]),
    ("AWS/DynamoDB", "ReadThrottleEvents", &["TableName"]),
    ("AWS/DynamoDB", "SystemErrors", &["TableName", "Operation"]),
    ("AWS/DynamoDB", "SuccessfulRequestLatency", &["TableName", "Operation"]),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", &["QueueName"]),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["QueueName"]),
    ("error-codes", "QueueLag", &["FunctionName"]),
    ("error-codes", "Failed", &["FunctionName"]),
    ("error-codes", "SummaryLag", &["FunctionName"]),
];

pub(super) fn alarms(template: &Template) -> Vec<(&str, &Value)> {
    template.of_type("AWS::CloudWatch::Alarm")
}

/// What an alarm watches: a metric, or the metrics of its expression.
fn metrics(alarm: &Value) -> Vec<&Value> {
    let Some(all) = alarm["Metrics"].as_array() else { return vec![alarm] };
    let (shown, gathered): (Vec<_>, Vec<_>) = all.iter().partition(|metric| metric["ReturnData"] != false);
    let [expression] = shown[..] else { panic!("one value is compared with the threshold: {all:?}") };
    assert!(expression["Expression"].as_str().is_some_and(|text| text.ends_with("(METRICS())")), "{expression}");
    gathered.into_iter().map(|metric| &metric["MetricStat"]["Metric"]).collect()
}

/// The logical id of the resource that a dimension names.
fn resolve<'a>(template: &'a Template, dimension: &'a Value) -> &'a str {
    let kind = match dimension["Name"].as_str().expect("a name") {
        "FunctionName" => "AWS::Lambda::Function",
        "Stage" => "AWS::ApiGateway::Stage",
        "DBInstanceIdentifier" => "AWS::RDS::DBInstance",
        "TableName" => "AWS::DynamoDB::Table",
        // A Ref to an API gives its id, but the metric has its name.
        "ApiName" => {
            let mut apis = template.of_type("AWS::ApiGateway::RestApi").into_iter();
            let found = apis.find(|(_, api)| api["Name"] == dimension["Value"]);
            return found.unwrap_or_else(|| panic!("no API is called {}", dimension["Value"])).0;
        }
        "QueueName" => {
            let id = dimension["Value"]["Fn::GetAtt"][0].as_str().expect("a queue's id");
            assert_eq!(dimension["Value"], json!({ "Fn::GetAtt": [id, "QueueName"] }));
            assert_eq!(template.resources()[id]["Type"], "AWS::SQS::Queue");
            return id;
        }
        name => panic!("what is {name}?"),
    };
    let id = dimension["Value"]["Ref"].as_str().unwrap_or_else(|| panic!("{dimension} is no Ref"));
    assert_eq!(template.resources()[id]["Type"], kind);
    id
}

#[test]
fn every_alarm_watches_a_metric_that_exists_of_something_in_the_template() {
    for template in variants() {
        for (id, alarm) in alarms(template) {
            for metric in metrics(alarm) {
                watches_something(template, id, metric);
            }
        }
    }
}

fn watches_something(template: &Template, id: &str, metric: &Value) {
    let known = METRICS.iter().find(|(space, name, _)| metric["Namespace"] == *space && metric["MetricName"] == *name);
    let (_, _, names) = known.unwrap_or_else(|| panic!("{id} watches {}", metric["MetricName"]));
    let dimensions = metric["Dimensions"].as_array().expect("a list");
    assert_eq!(dimensions.iter().map(|each| each["Name"].as_str().unwrap_or_default()).collect::<Vec<_>>(), *names);
    let watched = resolve(template, &dimensions[0]);
    assert!(id.starts_with(watched.trim_end_matches("LambdaFunction")), "{id} watches {watched}");
    if let Some(stage) = dimensions.iter().find(|dimension| dimension["Name"] == "Stage") {
        assert_eq!(template.properties(resolve(template, stage))["RestApiId"], json!({ "Ref": watched }));
    }
}

/// Whether the stage has all alarms.
fn has_all(template: &Template) -> bool {
    template.stage() == "prod"
}

/// Errors and latency of a table are measured per operation.
#[test]
fn the_operations_that_carry_the_load_are_watched_in_one_alarm_each() {
    for template in dynamodb().into_iter().filter(|template| has_all(template)) {
        for id in ["TableSystemErrorsAlarm", "TableLatencyAlarm"] {
            let found = metrics(template.properties(id)).into_iter().map(|metric| &metric["Dimensions"][1]["Value"]);
            let expected = ["PutItem", "TransactWriteItems", "Query"];
            assert_eq!(found.collect::<Vec<_>>(), expected, "{}: {id}", template.name);
        }
    }
}

#[test]
fn every_function_api_database_and_queue_is_watched() {
    for template in variants().into_iter().filter(|template| has_all(template)) {
        let found: BTreeSet<_> = alarms(template).into_iter().map(|(id, _)| id.trim_end_matches("Alarm")).collect();
        let mut expected = BTreeSet::new();
        for (id, _) in template.of_type("AWS::Lambda::Function") {
            let name = id.trim_end_matches("LambdaFunction");
            expected.extend(["Throttles", "Errors", "Duration"].map(|metric| format!("{name}{metric}")));
        }
        expected.extend(template.of_type("AWS::ApiGateway::RestApi").into_iter().map(|(id, _)| format!("{id}5xx")));
        for (id, _) in template.of_type("AWS::RDS::DBInstance") {
            expected.extend(["Connections", "Cpu", "FreeStorage"].map(|metric| format!("{id}{metric}")));
        }
        for (id, _) in template.of_type("AWS::DynamoDB::Table") {
            let metrics = ["WriteThrottles", "ReadThrottles", "SystemErrors", "Latency"];
            expected.extend(metrics.map(|metric| format!("{id}{metric}")));
        }
        if !template.has("Table") {
            expected.insert("SummarizeLag".to_owned());
        }
        if template.has("Queue") {
            expected.extend(["QueueAge", "DeadLetterQueueDepth", "StoreLogsLag", "StoreLogsFailed"].map(str::to_owned));
        }
        assert_eq!(found, expected.iter().map(String::as_str).collect(), "{}", template.name);
    }
}

#[test]
fn a_stage_with_few_alarms_hears_what_clients_notice_and_what_would_lose_data() {
    for template in variants().into_iter().filter(|template| !has_all(template)) {
        let found: BTreeSet<_> = alarms(template).into_iter().map(|(id, _)| id).collect();
        let mut expected = BTreeSet::from(["PostLogApi5xxAlarm", "GetLogsApi5xxAlarm"]);
        if template.has("Database") {
            expected.insert("DatabaseFreeStorageAlarm");
        }
        if template.has("Queue") {
            expected.extend(["QueueAgeAlarm", "DeadLetterQueueDepthAlarm"]);
        }
        assert_eq!(found, expected, "{}", template.name);
    }
}

#[test]
fn every_alarm_reaches_the_topic_when_it_begins_and_when_it_ends() {
    for template in variants() {
        for (id, alarm) in alarms(template) {
            let topic = json!([{ "Ref": "AlarmTopic" }]);
            assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&topic, &topic), "{}: {id}", template.name);
            // Missing data is bad where the metric must exist at all times.
            let is_constant = ["DatabaseConnectionsAlarm", "SummarizeLagAlarm"].contains(&id);
            let missing = if is_constant { "breaching" } else { "notBreaching" };
            assert_eq!(alarm["TreatMissingData"], missing, "{}: {id}", template.name);
            let number = |name: &str| alarm[name].as_u64().expect("a number");
            assert!(number("DatapointsToAlarm") <= number("EvaluationPeriods"), "{}: {id}", template.name);
        }
    }
}

/// For each metric, values that raise the alarm and values that do not.
fn rings(alarm: &Value) -> (&str, f64) {
    (alarm["ComparisonOperator"].as_str().expect("a text"), alarm["Threshold"].as_f64().expect("a number"))
}

#[test]
fn every_alarm_rings_at_what_is_wrong_and_not_before() {
    for template in variants() {
        for (id, alarm) in alarms(template) {
            let (operator, threshold) = rings(alarm);
            let is_right = match metrics(alarm)[0]["MetricName"].as_str().expect("a name") {
                "Throttles"
                | "Errors"
                | "5XXError"
                | "Failed"
                | "ApproximateNumberOfMessagesVisible"
                | "WriteThrottleEvents"
                | "ReadThrottleEvents"
                | "SystemErrors" => operator == "GreaterThanThreshold" && threshold == 0.0,
                // Milliseconds: far above what is usual, and below what a request may take.
                "SuccessfulRequestLatency" => operator == "GreaterThanThreshold" && (50.0..=500.0).contains(&threshold),
                // Seconds: more than one failed delivery, and less than the two after which SQS leaves a message out.
                "ApproximateAgeOfOldestMessage" => {
                    let visibility =
                        template.properties("Queue")["VisibilityTimeout"].as_f64().expect("a queue has one");
                    operator == "GreaterThanThreshold" && threshold > visibility && threshold < visibility * 2.0
                }
                // Seconds, above what the window takes.
                "QueueLag" => operator == "GreaterThanThreshold" && (30.0..=120.0).contains(&threshold),
                // Milliseconds: far above what is usual, and below the timeout.
                "Duration" => {
                    let function = template.properties(resolve(template, &alarm["Dimensions"][0]));
                    let timeout = function["Timeout"].as_f64().expect("a number") * 1_000.0;
                    operator == "GreaterThanThreshold" && threshold >= 1_000.0 && threshold < timeout * 0.7
                }
                // Percent, and bytes of at least 20 GB.
                "CPUUtilization" => operator == "GreaterThanThreshold" && (70.0..=90.0).contains(&threshold),
                "FreeStorageSpace" => operator == "LessThanThreshold" && (1e9..=2e9).contains(&threshold),
                // Seconds: several runs.
                "SummaryLag" => operator == "GreaterThanThreshold" && (300.0..=900.0).contains(&threshold),
                "DatabaseConnections" => operator == "GreaterThanThreshold",
                metric => panic!("when does {metric} ring?"),
            };
            assert!(is_right, "{}: {id}: {operator} {threshold}", template.name);
        }
    }
}

/// Lambda dates a measurement by the beginning of its call.
#[test]
fn one_bad_call_is_noticed_however_long_it_takes() {
    for template in mysql().into_iter().filter(|template| has_all(template)) {
        for metric in ["Throttles", "Errors", "Duration"] {
            let alarm = template.properties(&format!("Migrate{metric}Alarm"));
            let number = |name: &str| alarm[name].as_u64().expect("a number");
            let timeout = template.properties("MigrateLambdaFunction")["Timeout"].as_u64().expect("a number");
            assert!(number("Period") * number("EvaluationPeriods") > timeout, "{metric}");
            assert_eq!(number("DatapointsToAlarm"), 1, "{metric}: there may be one call in a month");
        }
    }
}

#[test]
fn the_alarm_for_connections_rings_before_they_are_used_up() {
    let dev = Project::copy().package("dev", &["alarms=all"]).expect("it can be packaged");
    for template in [&dev, variant("prod", "created")] {
        let most = &template.properties("DatabaseParameters")["Parameters"]["max_connections"];
        let most = most.as_f64().expect("a number");
        let rings = template.properties("DatabaseConnectionsAlarm")["Threshold"].as_f64().expect("a number");
        assert!(rings > most * 0.75 && rings <= most * 0.8, "{rings} of {most}");
    }
}

#[test]
fn every_alarm_has_a_section_in_the_runbook_and_every_name_is_the_stages_own() {
    let runbook =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md")).expect("it is there");
    let sections: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| format!("docs/runbook.md#{}", title.to_lowercase().replace(' ', "-")))
        .collect();
    for template in variants() {
        let stage = template.stage();
        for (id, alarm) in alarms(template) {
            let description = alarm["AlarmDescription"].as_str().expect("a text");
            let link = description.rsplit(' ').next().expect("a word");
            assert!(sections.contains(link), "{id}: there is no {link}");
            let name = alarm["AlarmName"].as_str().expect("a name");
            assert!(name.starts_with(&format!("error-codes-{stage}-")), "{id}: {name}");
        }
    }
}

#[test]
fn an_existing_instance_is_watched_if_its_name_is_given() {
    let parameters = [&EXISTING[..], &["databaseInstance=my-database"]].concat();
    let template = Project::copy().package("prod", &parameters).expect("it can be packaged");
    for id in ["DatabaseConnectionsAlarm", "DatabaseCpuAlarm", "DatabaseFreeStorageAlarm"] {
        let expected = json!([{ "Name": "DBInstanceIdentifier", "Value": "my-database" }]);
        assert_eq!(template.properties(id)["Dimensions"], expected, "{id}");
    }
    assert_eq!(template.properties("DatabaseConnectionsAlarm")["Threshold"], 240);
}

#[test]
fn mail_goes_to_whom_the_parameter_names_and_to_nobody_without() {
    let template = Project::copy().package("dev", &["alarmEmail=oncall@example.com"]).expect("it can be packaged");
    let expected =
        json!({ "TopicArn": { "Ref": "AlarmTopic" }, "Protocol": "email", "Endpoint": "oncall@example.com" });
    assert_eq!(template.properties("AlarmSubscription"), &expected);
    for template in variants() {
        assert_eq!(template.of_type("AWS::SNS::Subscription").len(), 0, "{}", template.name);
    }
}

#[test]
fn only_this_accounts_alarms_may_write_to_the_topic() {
    for template in variants() {
        let expected = json!([{
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": "sns:Publish",
            "Resource": { "Ref": "AlarmTopic" },
            "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
        }]);
        assert_eq!(template.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"], expected);
    }
}
