//! The functions: runtime, variables, logs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::aliases::live;
use crate::harness::{Project, Template, mysql, variant, variants};

fn variables(function: &Value) -> Vec<&str> {
    let variables = function["Environment"]["Variables"].as_object().expect("a function has variables");
    let mut names: Vec<_> = variables.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_functions_of_the_apis_end_before_the_gateway_stops_waiting() {
    for template in variants() {
        for id in ["PostLogLambdaFunction", "GetLogsLambdaFunction"] {
            let seconds = template.properties(id)["Timeout"].as_u64().expect("a number");
            assert!(seconds < 29, "{}: {id} has {seconds} s", template.name);
        }
    }
}

#[test]
fn each_function_gets_its_own_zip_for_the_runtime_that_it_is_built_for() {
    for template in variants() {
        let functions = template.of_type("AWS::Lambda::Function");
        let own = if template.has("Table") { 0 } else { 3 };
        let many = 2 + own + usize::from(template.has("Queue"));
        assert_eq!(functions.len(), many);
        let keys: BTreeSet<_> = functions.iter().map(|(_, function)| function["Code"]["S3Key"].as_str()).collect();
        assert_eq!(keys.len(), many, "osls stores a zip under its file's name: {keys:?}");
        for (id, function) in functions {
            let name = function["FunctionName"].as_str().expect("a name");
            let zip = function["Code"]["S3Key"].as_str().expect("a key").rsplit('/').next().expect("a file");
            assert!(name.ends_with(&format!("-{}", zip.trim_end_matches(".zip"))), "{id}: {name} gets {zip}");
            assert_eq!(function["Runtime"], "provided.al2023");
            assert_eq!(function["Architectures"], json!(["x86_64"]));
            assert_eq!(
                function["TracingConfig"],
                json!({ "Mode": if template.stage() == "prod" { "Active" } else { "PassThrough" } })
            );
        }
    }
    let arm = Project::copy().package("dev", &["architecture=arm64"]).expect("it can be packaged");
    for (_, function) in arm.of_type("AWS::Lambda::Function") {
        assert_eq!(function["Architectures"], json!(["arm64"]));
    }
}

#[test]
fn what_was_packaged_can_be_deployed() {
    let project = Project::copy();
    project.package("dev", &[]).expect("it can be packaged");
    // Before it calls AWS, osls checks that the zips exist. By default it expects one zip for the whole service.
    let message = project.deploy_without_aws("dev");
    assert!(message.contains("ECONNREFUSED"), "{message}");
}

/// The variables of a function that uses the database, and `more`.
fn with_database<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut names = vec!["DB_HOST", "DB_NAME", "DB_PORT", "MALLOC_MMAP_THRESHOLD_", "RUST_LOG"];
    names.extend(more);
    names.sort_unstable();
    names
}

/// The variables of a function's login.
fn login(template: &Template) -> &'static [&'static str] {
    match (template.has_iam(), template.has_secrets()) {
        (true, true) => &["DB_IAM_USER", "DB_LOGIN_SWITCH", "DB_SECRET_ARN"],
        (true, false) => &["DB_IAM_USER"],
        _ => &["DB_SECRET_ARN"],
    }
}

#[test]
fn each_function_is_told_its_own_login_and_nothing_that_is_secret() {
    for template in mysql() {
        let mut users = vec![("GET_LOGS", "GetLogs"), ("RETENTION", "Retention"), ("SUMMARIZE", "Summarize")];
        let mut expected = vec![
            ("GetLogs", "get_logs", &["ALLOWED_ORIGIN", "CACHE_SECONDS"][..]),
            ("Retention", "retention", &["BATCH_RETENTION_DAYS", "LOG_RETENTION_DAYS"]),
            ("Summarize", "summarize", &["NEW_AFTER_DAYS", "NEW_CODES_TOPIC_ARN", "PAGE_URL"]),
        ];
        if !template.is_queued() {
            expected.push(("PostLog", "post_log", &["ALLOWED_ORIGIN", "DEVICE_RATE"]));
        }
        users.push(("POST_LOG", "PostLog"));
        if template.has("Queue") {
            expected.push(("StoreLogs", "store_logs", &[]));
            users.push(("STORE_LOGS", "StoreLogs"));
        }
        for (id, user, more) in expected {
            let function = template.properties(&format!("{id}LambdaFunction"));
            let names = with_database(&[login(template), more].concat());
            assert_eq!(variables(function), names, "{}: {id}", template.name);
            let told = &function["Environment"]["Variables"];
            if template.has_secrets() {
                assert_eq!(told["DB_SECRET_ARN"], json!({ "Ref": format!("{id}Secret") }), "{}: {id}", template.name);
            }
            if template.has_iam() {
                assert_eq!(told["DB_IAM_USER"], format!("{user}_{}", template.stage()), "{}: {id}", template.name);
            }
        }
        // The variant that is being switched is on the way to IAM.
        let kind = if template.has_iam() { "IAM_USER" } else { "SECRET_ARN" };
        let names: Vec<_> = users.iter().map(|(name, _)| format!("{name}_{kind}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).chain(["DB_SECRET_ARN", "QUERY_INDEXES"]).collect();
        let migrate = template.properties("MigrateLambdaFunction");
        assert_eq!(variables(migrate), with_database(&names), "{}", template.name);
    }
    let created = variant("prod", "created").properties("MigrateLambdaFunction");
    let admin = json!({ "Fn::GetAtt": ["Database", "MasterUserSecret.SecretArn"] });
    assert_eq!(created["Environment"]["Variables"]["DB_SECRET_ARN"], admin);
}

#[test]
fn migrate_gives_each_user_the_login_of_the_parameter_while_both_are_tried() {
    let back = ["databaseLogin=secret", "databaseLoginSwitch=true", "ingestion=draining"];
    let template = Project::copy().package("dev", &back).expect("it can be packaged");
    assert!(template.has_iam() && template.has_secrets());
    let told = &template.properties("MigrateLambdaFunction")["Environment"]["Variables"];
    for (name, id) in [("POST_LOG", "PostLog"), ("GET_LOGS", "GetLogs"), ("STORE_LOGS", "StoreLogs")] {
        assert_eq!(told[format!("{name}_SECRET_ARN")], json!({ "Ref": format!("{id}Secret") }));
        assert_eq!(told.get(format!("{name}_IAM_USER")), None);
    }
    assert_eq!(template.properties("Database")["EnableIAMDatabaseAuthentication"], true);
}

#[test]
fn a_list_is_shown_again_for_a_second_in_prod_and_not_at_all_in_dev() {
    for template in variants() {
        let seconds = &template.properties("GetLogsLambdaFunction")["Environment"]["Variables"]["CACHE_SECONDS"];
        assert_eq!(seconds, if template.stage() == "prod" { "1" } else { "0" }, "{}", template.name);
    }
}

#[test]
fn a_device_may_send_any_number_of_codes_unless_the_stage_says_how_many() {
    let rate = |template: &Template| {
        template.properties("PostLogLambdaFunction")["Environment"]["Variables"]["DEVICE_RATE"].clone()
    };
    for template in variants() {
        assert_eq!(rate(template), "0", "{}", template.name);
    }
    for more in [&["ingestion=queued"][..], &["database=dynamodb"], &[]] {
        let parameters = [&["deviceRate=120"], more].concat();
        let template = Project::copy().package("dev", &parameters).expect("it can be packaged");
        assert_eq!(rate(&template), "120", "{more:?}");
    }
}

#[test]
fn no_secret_value_gets_into_the_template_not_even_from_a_secrets_file_beside_it() {
    let project = Project::copy();
    let secrets =
        json!({ "HOST": "host-9f2d", "PORT": 3306, "USER": "user-9f2d", "PASS": "pass-9f2d", "DBNAME": "name_9f2d" });
    std::fs::write(project.path("secrets.json"), secrets.to_string()).expect("the copy can be written");
    let template = project.package("prod", &[]).expect("it can be packaged");
    for entry in std::fs::read_dir(project.path("packaged")).expect("osls made it") {
        let path = entry.expect("it can be read").path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("it can be read")).into_owned();
        assert!(!text.contains("9f2d"), "{}", path.display());
    }
    for template in variants().into_iter().chain([&template]) {
        for (id, secret) in template.of_type("AWS::SecretsManager::Secret") {
            assert!(secret.get("SecretString").is_none(), "{id}");
            assert_eq!(secret["GenerateSecretString"]["PasswordLength"], 32, "{id}");
        }
        for (id, key) in template.of_type("AWS::ApiGateway::ApiKey") {
            assert!(key.get("Value").is_none(), "{id}");
        }
        for (id, database) in template.of_type("AWS::RDS::DBInstance") {
            assert!(database.get("MasterUserPassword").is_none(), "{id}");
            assert_eq!(database["ManageMasterUserPassword"], true, "{id}");
        }
    }
}

#[test]
fn every_log_group_ends_its_lines_and_every_function_and_api_has_one() {
    for template in variants() {
        let mut names = Vec::new();
        for (id, group) in template.of_type("AWS::Logs::LogGroup") {
            let days = group["RetentionInDays"].as_u64().unwrap_or_else(|| panic!("{}: {id} keeps all", template.name));
            assert_eq!(days, if template.stage() == "prod" { 90 } else { 14 });
            names.push(group["LogGroupName"].as_str().expect("a name"));
        }
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let group = format!("/aws/lambda/{}", function["FunctionName"].as_str().expect("a name"));
            assert!(names.contains(&group.as_str()), "{}: {group}", template.name);
            let log_group = id.replace("LambdaFunction", "LogGroup");
            assert!(template.depends_on(id).contains(&log_group.as_str()), "Lambda would make {group} itself");
        }
        for (id, database) in template.of_type("AWS::RDS::DBInstance") {
            let instance = database["DBInstanceIdentifier"].as_str().expect("a name");
            for export in database["EnableCloudwatchLogsExports"].as_array().expect("a list") {
                let group = format!("/aws/rds/instance/{instance}/{}", export.as_str().expect("a name"));
                assert!(names.contains(&group.as_str()), "{}: {group}", template.name);
            }
            let of_logins = if template.has_iam() { &["DatabaseLoginLog"][..] } else { &[] };
            let expected = [&["DatabaseErrorLog", "DatabaseSlowQueryLog"], of_logins].concat();
            assert_eq!(template.depends_on(id), expected, "{}", template.name);
        }
    }
}

#[test]
fn a_failed_migration_or_deletion_is_not_repeated_unasked() {
    for template in mysql() {
        let configs = template.of_type("AWS::Lambda::EventInvokeConfig");
        let functions: Vec<_> = configs.iter().map(|(_, config)| &config["FunctionName"]["Ref"]).collect();
        assert_eq!(
            functions,
            ["MigrateLambdaFunction", "RetentionLambdaFunction", "SummarizeLambdaFunction"],
            "{}",
            template.name
        );
        assert!(configs.iter().all(|(_, config)| config["MaximumRetryAttempts"] == 0), "{}", template.name);
    }
}

#[test]
fn old_rows_are_looked_for_every_five_minutes_and_codes_are_counted_every_minute() {
    for template in mysql() {
        let rules = template.of_type("AWS::Events::Rule");
        let permissions = template.of_type("AWS::Lambda::Permission");
        let of_rules = permissions.iter().filter(|(_, permission)| permission["Principal"] == "events.amazonaws.com");
        let of_rules: Vec<_> = of_rules.map(|(_, permission)| permission).collect();
        assert_eq!((rules.len(), of_rules.len()), (2, 2), "{}", template.name);
        for (function, schedule) in [("Retention", "rate(5 minutes)"), ("Summarize", "rate(1 minute)")] {
            let arn = live(function);
            let rule = rules.iter().find(|(_, rule)| rule["Targets"][0]["Arn"] == arn).expect("it has a schedule");
            assert_eq!((&rule.1["ScheduleExpression"], &rule.1["State"]), (&json!(schedule), &json!("ENABLED")));
            let permission = of_rules.iter().find(|permission| permission["FunctionName"] == arn);
            assert!(permission.expect("the schedule may call it").get("SourceArn").is_some());
        }
        let variables = &template.properties("RetentionLambdaFunction")["Environment"]["Variables"];
        assert_eq!((&variables["BATCH_RETENTION_DAYS"], &variables["LOG_RETENTION_DAYS"]), (&json!("28"), &json!("0")));
        // A run ends before the next one begins.
        assert!(template.properties("SummarizeLambdaFunction")["Timeout"].as_u64() < Some(60));
    }
}

#[test]
fn new_codes_are_announced_in_prod_and_the_endpoint_for_that_is_only_where_it_is_needed() {
    for template in mysql() {
        let topic = &template.properties("SummarizeLambdaFunction")["Environment"]["Variables"]["NEW_CODES_TOPIC_ARN"];
        let is_announced = topic == &json!({ "Ref": "AlarmTopic" });
        assert_eq!(is_announced, template.stage() == "prod", "{}", template.name);
        assert_eq!(template.has("TopicEndpoint"), is_announced && template.has("Database"), "{}", template.name);
        if template.has("TopicEndpoint") {
            let policy = &template.properties("TopicEndpoint")["PolicyDocument"]["Statement"][0];
            assert_eq!((&policy["Action"], &policy["Resource"]), (&json!("sns:Publish"), topic));
            let roles = json!([{ "Fn::GetAtt": ["SummarizeRole", "Arn"] }]);
            assert_eq!(policy["Condition"], json!({ "ArnEquals": { "aws:PrincipalArn": roles } }));
        }
    }
    let dev = Project::copy()
        .package("dev", &["newCodes=announced", "newAfterDays=7", "queryIndexes=none"])
        .expect("it can be packaged");
    assert!(dev.has("TopicEndpoint"));
    let variables = &dev.properties("SummarizeLambdaFunction")["Environment"]["Variables"];
    assert_eq!(variables["NEW_AFTER_DAYS"], "7");
    assert_eq!(dev.properties("MigrateLambdaFunction")["Environment"]["Variables"]["QUERY_INDEXES"], "none");
}

#[test]
fn functions_start_when_the_way_to_their_secrets_is_open() {
    for template in variants().into_iter().filter(|template| template.has("SecretsEndpoint")) {
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let reads_a_secret = function["Environment"]["Variables"].get("DB_SECRET_ARN").is_some();
            assert_eq!(template.depends_on(id).contains(&"SecretsEndpoint"), reads_a_secret, "{}: {id}", template.name);
        }
    }
}
