//! What a stage leaves out so that an idle month is cheap, and the budget.

use serde_json::json;

use crate::harness::{Project, variant, variants};

#[test]
fn a_database_with_hours_is_started_and_stopped_by_a_role_that_may_do_nothing_else() {
    let template = Project::copy().package("dev", &["databaseHours=weekdays"]).expect("it can be packaged");
    for (id, action, when) in [
        ("DatabaseStart", "startDBInstance", "cron(0 6 ? * MON-FRI *)"),
        ("DatabaseStop", "stopDBInstance", "cron(0 18 ? * * *)"),
    ] {
        let schedule = template.properties(id);
        assert_eq!(schedule["ScheduleExpression"], when);
        let target = &schedule["Target"];
        let arn = format!("arn:${{AWS::Partition}}:scheduler:::aws-sdk:rds:{action}");
        assert_eq!(target["Arn"], json!({ "Fn::Sub": arn }));
        assert_eq!(target["Input"], json!({ "Fn::Sub": r#"{"DbInstanceIdentifier":"${Database}"}"# }));
        // A stop that is retried for a day would take effect the next morning.
        assert!(target["RetryPolicy"]["MaximumEventAgeInSeconds"].as_u64() <= Some(3600), "{id}");
    }
    let expected = json!([{
        "Sid": "OwnDatabase",
        "Effect": "Allow",
        "Action": ["rds:StartDBInstance", "rds:StopDBInstance"],
        "Resource": { "Fn::GetAtt": ["Database", "DBInstanceArn"] },
    }]);
    let role = template.properties("DatabaseHoursRole");
    assert_eq!(role["Policies"][0]["PolicyDocument"]["Statement"], expected);
    for template in variants() {
        assert!(!template.has("DatabaseStop"), "{}", template.name);
    }
}

#[test]
fn traces_are_on_or_off_for_functions_and_gateways_alike() {
    for (template, is_traced) in [(variant("dev", "created"), false), (variant("prod", "created"), true)] {
        for (id, stage) in template.of_type("AWS::ApiGateway::Stage") {
            assert_eq!(stage["TracingEnabled"], is_traced, "{}: {id}", template.name);
        }
    }
    let traced = Project::copy().package("dev", &["traces=true"]).expect("it can be packaged");
    assert_eq!(traced.properties("PostLogStage")["TracingEnabled"], true);
    for (id, function) in traced.of_type("AWS::Lambda::Function") {
        assert_eq!(function["TracingConfig"], json!({ "Mode": "Active" }), "{id}");
    }
}

#[test]
fn a_budget_tells_by_mail_what_is_spent_and_what_is_to_be_expected() {
    let parameters = ["budget=50", "alarmEmail=bill@example.com"];
    let template = Project::copy().package("prod", &parameters).expect("it can be packaged");
    let budget = template.properties("Budget");
    assert_eq!(budget["Budget"]["BudgetLimit"], json!({ "Amount": 50, "Unit": "USD" }));
    let mail = json!([{ "SubscriptionType": "EMAIL", "Address": "bill@example.com" }]);
    let notifications = budget["NotificationsWithSubscribers"].as_array().expect("a list");
    let kinds: Vec<_> = notifications.iter().map(|each| &each["Notification"]["NotificationType"]).collect();
    assert_eq!(kinds, ["ACTUAL", "FORECASTED"]);
    assert!(notifications.iter().all(|each| each["Subscribers"] == mail));
    for template in variants() {
        assert!(!template.has("Budget"), "{}", template.name);
    }
}
