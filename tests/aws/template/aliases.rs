//! The alias `live`, by which every function is called, and how a deployment moves it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Project, Template, variants};

/// The ARN of a function's alias, as osls writes it.
pub(super) fn live(id: &str) -> Value {
    json!({ "Fn::Join": [":", [{ "Fn::GetAtt": [format!("{id}LambdaFunction"), "Arn"] }, "live"]] })
}

/// How the logical ids of the functions with an alias begin: all but migrate.
fn with_alias(template: &Template) -> Vec<&str> {
    let functions = template.of_type("AWS::Lambda::Function").into_iter();
    let ids = functions.map(|(id, _)| id.trim_end_matches("LambdaFunction"));
    ids.filter(|id| *id != "Migrate").collect()
}

/// The resource that the version of an alias comes from.
fn version<'a>(template: &'a Template, id: &str) -> (&'a str, &'a Value) {
    let version = &template.properties(&format!("{id}Alias"))["FunctionVersion"]["Fn::GetAtt"];
    assert_eq!(version[1], "Version");
    let version = version[0].as_str().expect("a logical id");
    (version, &template.resources()[version])
}

#[test]
fn each_function_but_migrate_has_an_alias_to_its_version_and_old_versions_stay() {
    for template in variants() {
        let expected = with_alias(template);
        assert_eq!(template.of_type("AWS::Lambda::Alias").len(), expected.len(), "{}", template.name);
        assert_eq!(template.of_type("AWS::Lambda::Version").len(), expected.len(), "{}", template.name);
        for id in expected {
            let alias = template.properties(&format!("{id}Alias"));
            let function = json!({ "Ref": format!("{id}LambdaFunction") });
            assert_eq!((&alias["Name"], &alias["FunctionName"]), (&json!("live"), &function));
            assert!(alias.get("ProvisionedConcurrencyConfig").is_none(), "off, where nobody asked for it");
            let (_, version) = version(template, id);
            assert_eq!(version["Properties"]["FunctionName"], function);
            assert_eq!(version["DeletionPolicy"], "RetainExceptOnCreate", "a rollback needs the one before");
        }
    }
}

#[test]
fn whatever_calls_a_function_calls_its_alias() {
    for template in variants() {
        for (id, permission) in template.of_type("AWS::Lambda::Permission") {
            let name = &permission["FunctionName"];
            let is_alias = with_alias(template).into_iter().any(|function| {
                *name == live(function) || *name == json!({ "Fn::Sub": format!("${{{function}Alias}}") })
            });
            assert!(is_alias, "{}: {id} is for {name}", template.name);
        }
        for kind in ["AWS::Events::Rule", "AWS::Lambda::EventSourceMapping", "AWS::ApiGateway::RestApi"] {
            for (id, caller) in template.of_type(kind) {
                let text = caller.to_string();
                let by_osls = text.matches("LambdaFunction").count();
                let lives = with_alias(template).into_iter().map(|function| live(function).to_string());
                let by_alias: usize = lives.map(|alias| text.matches(&alias).count()).sum();
                assert_eq!(by_osls, by_alias, "{}: {id} calls a function beside its alias", template.name);
            }
        }
    }
}

#[test]
fn new_code_gives_every_function_a_new_version_and_names_itself_in_its_description() {
    let project = Project::copy();
    let before = project.package("dev", &[]).expect("it can be packaged");
    let again = project.package("dev", &[]).expect("it can be packaged");
    let zip = project.path("target/lambda/dev/retention.zip");
    std::fs::write(zip, "new code").expect("the copy can be written");
    let after = project.package("dev", &[]).expect("it can be packaged");
    let mut codes = BTreeSet::new();
    for id in with_alias(&before) {
        assert_eq!(version(&before, id).0, version(&again, id).0, "{id}: the same code, the same version");
        assert_ne!(version(&before, id).0, version(&after, id).0, "{id}");
        let description = after.properties(&format!("{id}LambdaFunction"))["Description"].as_str().expect("a text");
        let (_, code) = description.rsplit_once(" (code ").expect("it names the code");
        codes.insert(code.to_owned());
    }
    assert_eq!(codes.len(), 1, "{codes:?}");
}

#[test]
fn new_settings_give_a_function_a_new_version() {
    let project = Project::copy();
    let before = project.package("dev", &[]).expect("it can be packaged");
    let after = project.package("dev", &["allowedOrigin=https://dashboard.example.com"]).expect("it can be packaged");
    assert_ne!(version(&before, "PostLog").0, version(&after, "PostLog").0);
    assert_eq!(version(&before, "Retention").0, version(&after, "Retention").0);
}

#[test]
fn warm_environments_belong_to_the_alias() {
    let template = Project::copy().package("prod", &["postLogProvisioned=2"]).expect("it can be packaged");
    let warm = |id: &str| template.properties(&format!("{id}Alias")).get("ProvisionedConcurrencyConfig").cloned();
    assert_eq!(warm("PostLog"), Some(json!({ "ProvisionedConcurrentExecutions": 2 })));
    assert_eq!(warm("GetLogs"), None);
}

/// What `deployment=canary` can stand beside.
fn canaries() -> Vec<Template> {
    let ways = ["direct", "queued", "draining"].map(|way| format!("ingestion={way}"));
    let engines = [("dev", "created"), ("prod", "created"), ("dev", "dynamodb"), ("prod", "dynamodb")];
    let package = |stage, database: &str, way: &str| {
        let parameters = ["deployment=canary", &format!("database={database}"), way];
        Project::copy().package(stage, &parameters).expect("it can be packaged")
    };
    engines.iter().zip(ways.iter().cycle()).map(|((stage, database), way)| package(stage, database, way)).collect()
}

/// Given by a Ref, or as it is.
fn alarm_name<'a>(template: &'a Template, name: &'a Value) -> Option<&'a str> {
    name.as_str().or_else(|| template.properties(name["Ref"].as_str()?)["AlarmName"].as_str())
}

#[test]
fn a_canary_of_either_api_is_judged_by_all_alarms_that_the_stage_has_of_it() {
    for template in canaries() {
        let alarms = template.of_type("AWS::CloudWatch::Alarm");
        for (id, name) in [("PostLog", "post-log"), ("GetLogs", "get-logs")] {
            let group = template.properties(&format!("{id}CanaryGroup"));
            let of_function = alarms.iter().filter(|(alarm, _)| alarm.starts_with(id));
            let expected: BTreeSet<_> = of_function.map(|(_, alarm)| alarm["AlarmName"].as_str()).collect();
            for needed in ["Api5xx", "Errors"] {
                let name = format!("error-codes-{}-{id}{needed}", template.stage());
                assert!(expected.contains(&Some(name.as_str())), "{}: {name}", template.name);
            }
            let watched = group["AlarmConfiguration"]["Alarms"].as_array().expect("a list").iter();
            let watched: BTreeSet<_> = watched.map(|alarm| alarm_name(&template, &alarm["Name"])).collect();
            assert_eq!(watched, expected, "{}", template.name);
            assert_eq!(group["AlarmConfiguration"]["Enabled"], true);
            let back = &group["AutoRollbackConfiguration"];
            assert_eq!(back["Enabled"], true);
            let events = back["Events"].as_array().expect("a list");
            assert!(
                events.contains(&json!("DEPLOYMENT_STOP_ON_ALARM")) && events.contains(&json!("DEPLOYMENT_FAILURE"))
            );
            assert_eq!(group["DeploymentConfigName"], "CodeDeployDefault.LambdaCanary10Percent5Minutes");
            assert_eq!(group["DeploymentGroupName"], name);
            let policy = json!({ "CodeDeployLambdaAliasUpdate": {
                "ApplicationName": { "Ref": "CanaryApplication" },
                "DeploymentGroupName": { "Ref": format!("{id}CanaryGroup") },
            } });
            assert_eq!(template.resources()[&format!("{id}Alias")]["UpdatePolicy"], policy, "{}", template.name);
        }
        for id in with_alias(&template).into_iter().filter(|id| !["PostLog", "GetLogs"].contains(id)) {
            assert!(template.resources()[&format!("{id}Alias")].get("UpdatePolicy").is_none(), "{id}: at once");
        }
    }
}

#[test]
fn codedeploy_may_move_these_two_aliases_and_nothing_else() {
    for template in canaries() {
        let lambda = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function";
        let of_stage = |name: &str| json!({ "Fn::Sub": format!("{lambda}:error-codes-{}-{name}", template.stage()) });
        let aliases = ["post-log", "post-log:*", "get-logs", "get-logs:*"].map(of_stage);
        let role = template.properties("CanaryRole");
        let statements = &role["Policies"][0]["PolicyDocument"]["Statement"];
        let move_aliases = ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"];
        let expected = json!([
            { "Sid": "OwnAliases", "Effect": "Allow", "Action": move_aliases, "Resource": aliases },
            { "Sid": "Alarms", "Effect": "Allow", "Action": "cloudwatch:DescribeAlarms", "Resource": "*" },
        ]);
        assert_eq!(statements, &expected, "{}", template.name);
        let service = &role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"];
        assert_eq!(service, &json!({ "Service": "codedeploy.amazonaws.com" }));
    }
}

#[test]
fn without_canary_there_is_nothing_of_codedeploy() {
    for template in variants() {
        for (id, resource) in template.resources() {
            let kind = resource["Type"].as_str().expect("a type");
            assert!(!kind.starts_with("AWS::CodeDeploy::"), "{}: {id}", template.name);
            assert!(resource.get("UpdatePolicy").is_none(), "{}: {id}", template.name);
        }
    }
}
