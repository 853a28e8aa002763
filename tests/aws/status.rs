//! `./dev status`: one look at a stage, for people and for scripts.

use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::account::Account;
use crate::harness::{Template, queued};

/// An account in which a stage's alarms are as in its template, and none rings.
async fn healthy() -> Account {
    let account = Account::open().await;
    for (_, alarm) in queued().of_type("AWS::CloudWatch::Alarm") {
        account.cloudwatch("PutMetricAlarm", &resolved(queued(), alarm)).await;
        ring(&account, alarm["AlarmName"].as_str().expect("a name"), "OK").await;
    }
    account
}

async fn ring(account: &Account, alarm: &str, state: &str) {
    let body = json!({ "AlarmName": alarm, "StateValue": state, "StateReason": "a test" });
    account.cloudwatch("SetAlarmState", &body).await;
}

/// An alarm as `CloudFormation` makes it: with names in place of references.
fn resolved(template: &Template, alarm: &Value) -> Value {
    match alarm {
        Value::Object(map) if map.len() == 1 && map.contains_key("Ref") => {
            let id = map["Ref"].as_str().expect("a logical id");
            let properties = template.resources().get(id).map(|resource| &resource["Properties"]);
            let name = properties.and_then(|all| ["FunctionName", "StageName"].iter().find_map(|name| all.get(name)));
            name.cloned().unwrap_or_else(|| id.into())
        }
        Value::Object(map) if map.len() == 1 && map.contains_key("Fn::GetAtt") => map["Fn::GetAtt"][0].clone(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), resolved(template, value))).collect(),
        Value::Array(values) => values.iter().map(|value| resolved(template, value)).collect(),
        other => other.clone(),
    }
}

async fn measure(account: &Account, namespace: &str, metric: &str, value: f64, dimensions: &[(&str, &str)]) {
    let dimensions: Vec<_> = dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
    #[expect(clippy::disallowed_methods, reason = "CloudWatch has the date of the machine")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let data = json!([{ "MetricName": metric, "Value": value, "Dimensions": dimensions, "Timestamp": now - 60 }]);
    account.cloudwatch("PutMetricData", &json!({ "Namespace": namespace, "MetricData": data })).await;
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// The columns of the figure with this name.
fn figure<'a>(said: &'a str, name: &str) -> Vec<&'a str> {
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("there is no {name}\n{said}")).split_whitespace().collect()
}

#[tokio::test]
async fn a_healthy_stage_is_one_word_and_its_figures() {
    let account = healthy().await;
    let post_log = "error-codes-prod-post-log";
    measure(&account, "error-codes", "Accepted", 1234.0, &[("FunctionName", post_log)]).await;
    measure(&account, "AWS/Lambda", "Throttles", 3.0, &[("FunctionName", post_log)]).await;

    let output = account.dev(&["status", "--stage", "prod"]).await;

    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let alarms = queued().of_type("AWS::CloudWatch::Alarm").len();
    assert!(said.starts_with(&format!("prod is healthy: none of {alarms} alarms rings.\n")), "{said}");
    assert_eq!(figure(&said, "codes accepted"), ["1,234", "1,234"]);
    assert_eq!(figure(&said, "post-log: requests"), ["-", "-"]);
    assert_eq!(figure(&said, "PostLogThrottles"), ["3", "3", ">", "0"]);
    assert_eq!(figure(&said, "messages sent"), ["-", "-"]);
    for (_, alarm) in queued().of_type("AWS::CloudWatch::Alarm") {
        let name = alarm["AlarmName"].as_str().expect("a name");
        figure(&said, name.trim_start_matches("error-codes-prod-"));
    }
}

#[tokio::test]
async fn an_alarm_that_rings_says_why_and_what_to_do_in_the_words_of_the_runbook() {
    let account = healthy().await;
    ring(&account, "error-codes-prod-PostLogErrors", "ALARM").await;
    ring(&account, "error-codes-prod-GetLogsErrors", "ALARM").await;
    ring(&account, "error-codes-prod-DatabaseConnections", "ALARM").await;

    let output = account.dev(&["status", "--stage", "prod"]).await;

    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("prod is unhealthy: 3 of "), "{said}");
    assert_eq!(said.matches("\nFUNCTION ERRORS\n").count(), 1, "one section for both\n{said}");
    for line in [
        "  post-log ended without an answer (PostLogErrors rings, for 0 minutes)\n",
        "  get-logs ended without an answer (GetLogsErrors rings, for 0 minutes)\n",
        "  Do:\n",
        "  - It began with a deployment: ",
        "  More: docs/runbook.md#function-errors\n",
        "\nDATABASE CONNECTIONS\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn the_advice_names_the_stage_that_was_asked_for() {
    let account = Account::open().await;
    let alarm = json!({
        "AlarmName": "error-codes-dev-DatabaseConnections",
        "AlarmDescription": "the database takes no more: docs/runbook.md#database-connections",
        "Namespace": "AWS/RDS", "MetricName": "DatabaseConnections", "Statistic": "Maximum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 10, "ComparisonOperator": "GreaterThanThreshold",
    });
    account.cloudwatch("PutMetricAlarm", &alarm).await;
    ring(&account, "error-codes-dev-DatabaseConnections", "ALARM").await;
    let said = text(&account.dev(&["status", "--stage", "dev"]).await);
    assert!(said.contains("--db-instance-identifier error-codes-dev"), "{said}");
    assert!(!said.contains("error-codes-prod"), "{said}");
}

#[tokio::test]
async fn nobody_knows_where_there_is_no_stage_no_answer_or_no_key() {
    let mut account = Account::open().await;
    let nothing = account.dev(&["status", "--stage", "prod"]).await;
    let expected =
        "prod is unknown: CloudWatch has no alarm of error-codes-prod in eu-central-1; is the stage there?\n";
    assert_eq!((text(&nothing).as_str(), nothing.status.code()), (expected, Some(2)));
    account.close().await;
    let silent = account.dev(&["status", "--stage", "prod"]).await;
    assert!(text(&silent).starts_with("prod is unknown: AWS does not answer: "), "{}", text(&silent));
    assert_eq!(silent.status.code(), Some(2));
}
