//! Packaging refuses wrong or contradictory parameters, each with one sentence.

use crate::harness::{EXISTING, Project, RESOURCE_ID, Template};

/// Asserts that packaging fails with exactly this sentence.
fn is_refused(stage: &str, parameters: &[&str], sentence: &str) {
    assert_refused(Project::copy().package(stage, parameters), sentence);
}

fn assert_refused(packaged: Result<Template, String>, sentence: &str) {
    let message = match packaged {
        Ok(template) => panic!("{} was packaged", template.name),
        Err(message) => message,
    };
    assert!(message.contains(&format!("errored with: {sentence}\n")), "{message}");
    assert_eq!(message.matches("Cannot resolve variable at").count(), 1, "one fault, one message: {message}");
    assert!(!message.contains("    at "), "no stack: {message}");
}

#[test]
fn a_stage_or_a_name_that_does_not_exist() {
    is_refused("test", &[], r#"--stage must be dev or prod, not "test"."#);
    is_refused("dev", &["databse=existing"], "There is no parameter databse; serverless.yml lists them under params.");
}

#[test]
fn a_name_that_does_not_exist_in_the_block_of_a_stage() {
    let project = Project::copy();
    project.change("serverless.yml", "  dev: {}", "  dev: { alarmEmial: oncall@example.com }");
    let sentence = "There is no parameter alarmEmial; serverless.yml lists them under params.";
    assert_refused(project.package("dev", &[]), sentence);
}

#[test]
fn a_region_whose_databases_the_functions_would_not_trust() {
    let sentence = "crates/logs-core/certificates/rds has no roots of RDS in il-central-1, so the functions would \
                    trust no database there; its README.md says how to add them.";
    assert_refused(Project::copy().package_in("il-central-1", "prod", &[]), sentence);
    Project::copy().package_in("us-east-1", "prod", &[]).expect("its roots are known");
}

#[test]
fn a_value_that_is_none_of_the_possible_ones() {
    is_refused("dev", &["architecture=arm"], r#"architecture must be one of x86_64, arm64, not "arm"."#);
    is_refused("dev", &["deviceRate=-1"], r#"deviceRate must be a whole number from 0 to 1000000, not "-1"."#);
    is_refused("dev", &["postLogRate=fast"], r#"postLogRate must be a whole number from 1 to 10000, not "fast"."#);
    is_refused(
        "dev",
        &["allowedOrigin=a'b"],
        r#"allowedOrigin must be * or one origin, like https://dashboard.example.com, not "a'b"."#,
    );
    let classes = "db.t4g.micro, db.t4g.small, db.t4g.medium, db.t4g.large, db.t4g.xlarge, db.t4g.2xlarge, \
                   db.m7g.large, db.m7g.xlarge, db.m7g.2xlarge, db.m7g.4xlarge, db.r7g.large, db.r7g.xlarge, \
                   db.r7g.2xlarge, db.r7g.4xlarge";
    is_refused(
        "dev",
        &["databaseClass=db.t2.nano"],
        &format!(r#"databaseClass must be one of {classes}, not "db.t2.nano"."#),
    );
}

#[test]
fn keys_without_a_name_or_with_the_same_one() {
    let form = "must be 1 to 20 names of up to 20 lower-case letters and digits, separated by commas, not";
    is_refused("dev", &["postLogKeys=1,"], &format!(r#"postLogKeys {form} "1,"."#));
    is_refused("dev", &["getLogsKeys=1,Hall"], &format!(r#"getLogsKeys {form} "1,Hall"."#));
    is_refused("dev", &["postLogKeys=2, 2"], r#"postLogKeys has a name twice: "2, 2"."#);
}

#[test]
fn an_existing_database_without_what_it_needs() {
    // The first one is `database=existing` itself.
    for left_out in &EXISTING[1..] {
        let parameters: Vec<_> = EXISTING.into_iter().filter(|each| each != left_out).collect();
        let (name, _) = left_out.split_once('=').expect("a parameter has a value");
        is_refused("prod", &parameters, &format!("database=existing needs {name}; serverless.yml says what it is."));
    }
}

#[test]
fn a_value_that_would_reach_further_than_it_looks() {
    let with = |parameter: &'static str| {
        let (name, _) = parameter.split_once('=').expect("a parameter has a value");
        EXISTING.into_iter().filter(|each| !each.starts_with(name)).chain([parameter]).collect::<Vec<_>>()
    };
    is_refused(
        "prod",
        &with("databaseSecretArn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:*-AbCdEf"),
        "databaseSecretArn must be a secret's whole ARN, with the six characters that AWS puts at its end, not \
         \"arn:aws:secretsmanager:eu-central-1:123456789012:secret:*-AbCdEf\".",
    );
    is_refused(
        "prod",
        &with("subnetIds=subnet-01234567,subnet-01234567"),
        "subnetIds has an id twice: \
        \"subnet-01234567,subnet-01234567\".",
    );
    is_refused(
        "prod",
        &with("databaseHost=10.0.0.1"),
        r#"databaseHost must be the database's host name, not "10.0.0.1"."#,
    );
    is_refused(
        "prod",
        &with("databaseClass=db.t4g.large"),
        "databaseClass is for database=created, and database is existing.",
    );
    is_refused("prod", &["databaseName=mysql"], "databaseName must not be MySQL's own mysql.");
    is_refused("prod", &["databaseName=Err\nor"], "There is a line break in the parameter databaseName.");
}

#[test]
fn a_created_database_with_what_only_an_existing_one_has() {
    is_refused("prod", &[EXISTING[1]], "databaseHost is for database=existing, and database is created.");
    is_refused("prod", &["databasePort=3307"], "databasePort is for database=existing, and database is created.");
}

#[test]
fn a_table_with_what_only_a_server_has_and_the_other_way_round() {
    let dynamodb = "database=dynamodb";
    for (given, kind) in [
        (EXISTING[1], "existing"),
        ("databaseInstance=my-database", "existing"),
        ("databaseClass=db.t4g.large", "created"),
        ("databaseName=Codes", "created or existing"),
    ] {
        let (name, _) = given.split_once('=').expect("a parameter has a value");
        let sentence = format!("{name} is for database={kind}, and database is dynamodb.");
        is_refused("prod", &[dynamodb, given], &sentence);
    }
    let sentence = "tableShards is for database=dynamodb, and database is created.";
    is_refused("prod", &["tableShards=16"], sentence);
    let existing = [&EXISTING[..], &["tableWriteLimit=100"]].concat();
    is_refused("dev", &existing, "tableWriteLimit is for database=dynamodb, and database is existing.");
}

#[test]
fn a_table_that_could_not_be_or_would_cost_more_than_was_meant() {
    let refused = |parameter, sentence| is_refused("dev", &["database=dynamodb", parameter], sentence);
    refused("tableShards=0", r#"tableShards must be a whole number from 1 to 256, not "0"."#);
    refused("tableWriteLimit=0", r#"tableWriteLimit must be a whole number from 1 to 10000000, not "0"."#);
    let sentence = "tableWarmWrites must be 0 or at least 4000, which a new table takes anyway, not 1000.";
    refused("tableWarmWrites=1000", sentence);
    let sentence = "tableWarmReads must be 0 or at least 12000, which a new table takes anyway, not 4000.";
    refused("tableWarmReads=4000", sentence);
    let sentence = "storeLogsConcurrency (11) is more than accountConcurrency (10).";
    let parameters = ["database=dynamodb", "ingestion=queued", "accountConcurrency=10", "storeLogsConcurrency=11"];
    is_refused("dev", &parameters, sentence);
}

#[test]
fn more_concurrency_than_the_database_has_connections_for() {
    let what = "(two for each environment of post-log and get-logs while code is replaced, one each for migrate, retention and \
         summarize, 10 in reserve)";
    is_refused(
        "dev",
        &["postLogConcurrency=50"],
        &format!(
            "The functions may need 123 connections {what}, and the database takes 59; lower postLogConcurrency or \
             getLogsConcurrency, or take a larger database."
        ),
    );
    // Without reservations only the account's limit bounds the connections.
    is_refused(
        "dev",
        &["accountConcurrency=1000"],
        &format!(
            "The functions may need 2007 connections {what}, and the database takes 59; reserve concurrency \
             (accountConcurrency=0), or take a larger database."
        ),
    );
}

#[test]
fn a_queue_whose_consumer_would_take_more_connections_than_there_are() {
    let rest = "while code is replaced, one each for migrate, retention and summarize, 10 in \
                reserve), and the database takes 59; lower";
    // A queued post-log has no connection.
    is_refused(
        "dev",
        &["ingestion=queued", "postLogConcurrency=500", "storeLogsConcurrency=20"],
        &format!(
            "The functions may need 63 connections (two for each environment of get-logs and store-logs {rest} \
             getLogsConcurrency or storeLogsConcurrency, or take a larger database."
        ),
    );
    is_refused(
        "dev",
        &["ingestion=draining", "storeLogsConcurrency=9"],
        &format!(
            "The functions may need 61 connections (two for each environment of post-log, get-logs and store-logs \
             {rest} postLogConcurrency, getLogsConcurrency or storeLogsConcurrency, or take a larger database."
        ),
    );
    is_refused(
        "dev",
        &["ingestion=queued", "accountConcurrency=10", "storeLogsConcurrency=11"],
        "storeLogsConcurrency (11) is more than accountConcurrency (10).",
    );
}

#[test]
fn a_queue_that_lambda_or_the_ledger_would_not_go_along_with() {
    is_refused("dev", &["ingestion=queue"], r#"ingestion must be one of direct, queued, draining, not "queue"."#);
    for (name, wrong, range) in [
        ("queueWindow", "0", "1 to 300"),
        ("queueWindow", "301", "1 to 300"),
        ("storeLogsConcurrency", "1", "2 to 1000"),
    ] {
        let given = format!("{name}={wrong}");
        let sentence = format!("{name} must be a whole number from {range}, not \"{wrong}\".");
        is_refused("prod", &["ingestion=queued", &given], &sentence);
        let sentence = format!("{name} is for ingestion=queued or draining, and ingestion is direct.");
        is_refused("prod", &[&given], &sentence);
    }
    is_refused(
        "prod",
        &["ingestion=draining", "batchRetention=27"],
        "batchRetention must be at least 28 beside a queue, not 27: a message that is redriven can come again after as \
         long, and only the ledger knows that it is stored.",
    );
    is_refused("dev", &["batchRetention=13"], r#"batchRetention must be a whole number from 14 to 65535, not "13"."#);
    is_refused("dev", &["getLogsCache=61"], r#"getLogsCache must be a whole number from 0 to 60, not "61"."#);
}

#[test]
fn a_login_that_could_not_work() {
    is_refused("dev", &["databaseLogin=password"], r#"databaseLogin must be one of iam, secret, not "password"."#);
    let with = |more: &[&'static str]| [more, &EXISTING[..]].concat();
    let needs = "databaseLogin=iam needs databaseResourceId; serverless.yml says what it is.";
    is_refused("dev", &with(&["databaseLogin=iam"]), needs);
    is_refused("dev", &with(&["databaseLoginSwitch=true"]), needs);
    let sentence = "databaseResourceId is for databaseLogin=iam, and databaseLogin is secret.";
    is_refused("dev", &with(&[RESOURCE_ID]), sentence);
    let sentence = "databaseResourceId must be an RDS resource's id, like db-ABCDEFGHIJKL01234, not \"*\".";
    is_refused("dev", &with(&["databaseLogin=iam", "databaseResourceId=*"]), sentence);
    // A token is for RDS's own name of the server, and for a region.
    for (host, region) in
        [("db.example.com", "eu-central-1"), ("db.abc123.us-east-1.rds.amazonaws.com", "eu-central-1")]
    {
        let host_given = format!("databaseHost={host}");
        let mut parameters = vec!["databaseLogin=iam", RESOURCE_ID];
        parameters.extend(EXISTING.iter().filter(|each| !each.starts_with("databaseHost")));
        parameters.push(&host_given);
        let sentence =
            format!("With databaseLogin=iam databaseHost must be RDS's own name in {region}, not \"{host}\".");
        is_refused("dev", &parameters, &sentence);
    }
    is_refused("dev", &[RESOURCE_ID], "databaseResourceId is for database=existing, and database is created.");
    for login in ["databaseLogin=secret", "databaseLoginSwitch=true"] {
        let sentence = "secretsEndpoint=none is for databaseLogin=iam: the functions would not reach their secrets.";
        is_refused("dev", &["secretsEndpoint=none", login], sentence);
    }
    let sentence = "secretsEndpoint is for database=created, and database is existing.";
    is_refused("dev", &with(&["secretsEndpoint=none"]), sentence);
    let sentence = "databaseLogin is for database=created or existing, and database is dynamodb.";
    is_refused("dev", &["database=dynamodb", "databaseLogin=iam"], sentence);
}

#[test]
fn more_warm_environments_than_there_may_be() {
    is_refused("dev", &["getLogsProvisioned=6"], "getLogsProvisioned (6) is more than getLogsConcurrency (5).");
    is_refused(
        "dev",
        &["postLogProvisioned=1", "accountConcurrency=10"],
        "postLogProvisioned needs a reservation, and accountConcurrency leaves reservations out.",
    );
}

#[test]
fn a_new_account_that_can_reserve_nothing_gets_no_reservation() {
    let parameters = ["accountConcurrency=10", "ingestion=queued"];
    let template = Project::copy().package("dev", &parameters).expect("it can be packaged");
    for (id, function) in template.of_type("AWS::Lambda::Function") {
        assert!(function.get("ReservedConcurrentExecutions").is_none(), "{id}");
    }
}

#[test]
fn a_budget_whose_mail_nobody_would_get() {
    is_refused("dev", &["budget=20"], "budget needs alarmEmail: somebody must get the mail.");
    let sentence = r#"budget must be a whole number from 0 to 1000000, not "-1"."#;
    is_refused("dev", &["budget=-1"], sentence);
}

#[test]
fn a_database_that_is_stopped_over_night_where_somebody_would_be_woken_or_messages_would_die() {
    is_refused(
        "dev",
        &["databaseHours=weekdays", "ingestion=queued"],
        "databaseHours=weekdays is for ingestion=direct: messages would become dead letters over night.",
    );
    is_refused(
        "prod",
        &["databaseHours=weekdays"],
        "databaseHours=weekdays is for alarms=few: the others would ring every evening.",
    );
    let sentence = "endpointZones is for database=created, and database is dynamodb.";
    is_refused("dev", &["database=dynamodb", "endpointZones=2"], sentence);
}
