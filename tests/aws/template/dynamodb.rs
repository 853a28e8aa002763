//! `database=dynamodb`: a table, and no server.

use serde_json::{Value, json};

use crate::harness::{Project, dynamodb};

#[test]
fn the_table_costs_nothing_while_it_is_idle_and_is_encrypted_and_can_be_restored() {
    for template in dynamodb() {
        let tables = template.of_type("AWS::DynamoDB::Table");
        let [("Table", table)] = tables[..] else { panic!("{}: one is expected", template.name) };
        let is_prod = template.stage() == "prod";
        let (writes, reads) = if is_prod { (4000, 1000) } else { (400, 200) };
        let expected = json!({
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "sk", "AttributeType": "S" },
            ],
            "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": true },
            "BillingMode": "PAY_PER_REQUEST",
            "OnDemandThroughput": { "MaxWriteRequestUnits": writes, "MaxReadRequestUnits": reads },
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
            "DeletionProtectionEnabled": is_prod,
            "SSESpecification": { "SSEEnabled": true },
        });
        assert_eq!(table, &expected, "{}", template.name);
    }
}

#[test]
fn the_data_of_prod_outlives_its_stack() {
    for template in dynamodb() {
        let table = &template.resources()["Table"];
        let expected = if template.stage() == "prod" { "Retain" } else { "Delete" };
        assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&json!(expected), &json!(expected)));
    }
}

#[test]
fn no_deployment_replaces_or_drops_the_table_or_a_queue_in_use() {
    for (way, expected) in [
        ("direct", &["AWS::DynamoDB::Table"][..]),
        ("queued", &["AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping"]),
    ] {
        let project = Project::copy();
        project.package("prod", &["database=dynamodb", &format!("ingestion={way}")]).expect("it can be packaged");
        let policy = &project.provider()["stackPolicy"];
        let deny = policy.as_array().expect("a list").iter().find(|rule| rule["Effect"] == "Deny");
        assert_eq!(deny.expect("there is one")["Condition"]["StringEquals"]["ResourceType"], json!(expected), "{way}");
    }
}

#[test]
fn there_is_no_network_no_server_no_secret_and_no_function_that_looks_after_them() {
    for template in dynamodb() {
        for (id, resource) in template.resources() {
            let kind = resource["Type"].as_str().expect("a type");
            for service in ["EC2", "RDS", "SecretsManager", "Events", "KMS"] {
                assert!(!kind.starts_with(&format!("AWS::{service}::")), "{}: {id} is {kind}", template.name);
            }
        }
        let text = template.json.to_string().to_lowercase();
        for word in ["vpc", "subnet", "securitygroup", "secretsmanager", "mysql", "migrate", "db_", "ec2:"] {
            assert!(!text.contains(word), "{}: {word}", template.name);
        }
    }
}

#[test]
fn each_function_is_told_its_table_but_a_queued_post_log() {
    for template in dynamodb() {
        let table = json!({
            "TABLE_NAME": { "Ref": "Table" },
            "TABLE_SHARDS": "8",
            "BATCH_RETENTION_DAYS": "28",
            "LOG_RETENTION_DAYS": "0",
        });
        for (id, function) in template.of_type("AWS::Lambda::Function") {
            let mut expected = json!({ "MALLOC_MMAP_THRESHOLD_": "131072", "RUST_LOG": "info" });
            let mut add = |more: &Value| {
                expected.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            };
            match id {
                "PostLogLambdaFunction" if template.is_queued() => add(&json!({ "QUEUE_URL": { "Ref": "Queue" } })),
                _ => add(&table),
            }
            if id != "StoreLogsLambdaFunction" {
                add(&json!({ "ALLOWED_ORIGIN": "*" }));
            }
            if id == "PostLogLambdaFunction" {
                add(&json!({ "DEVICE_RATE": "0" }));
            }
            if id == "GetLogsLambdaFunction" {
                add(&json!({ "CACHE_SECONDS": if template.stage() == "prod" { "1" } else { "0" } }));
            }
            assert_eq!(function["Environment"]["Variables"], expected, "{}: {id}", template.name);
        }
    }
}

#[test]
fn no_server_bounds_the_concurrency() {
    let parameters = ["database=dynamodb", "postLogConcurrency=900", "getLogsConcurrency=100"];
    let template = Project::copy().package("dev", &parameters).expect("it can be packaged");
    assert_eq!(template.properties("PostLogLambdaFunction")["ReservedConcurrentExecutions"], 900);
    assert_eq!(template.properties("GetLogsLambdaFunction")["ReservedConcurrentExecutions"], 100);
    let parameters = ["database=dynamodb", "accountConcurrency=1000"];
    let template = Project::copy().package("dev", &parameters).expect("it can be packaged");
    for (id, function) in template.of_type("AWS::Lambda::Function") {
        assert!(function.get("ReservedConcurrentExecutions").is_none(), "{id}");
    }
}

#[test]
fn shards_limits_warmth_and_retention_are_parameters() {
    let parameters = [
        "database=dynamodb",
        "tableShards=32",
        "tableWriteLimit=40000",
        "tableReadLimit=5000",
        "tableWarmWrites=20000",
        "batchRetention=30",
        "codeRetention=365",
    ];
    let template = Project::copy().package("prod", &parameters).expect("it can be packaged");
    let table = template.properties("Table");
    assert_eq!(table["OnDemandThroughput"], json!({ "MaxWriteRequestUnits": 40_000, "MaxReadRequestUnits": 5_000 }));
    // The other value is that of a new table.
    assert_eq!(table["WarmThroughput"], json!({ "WriteUnitsPerSecond": 20_000, "ReadUnitsPerSecond": 12_000 }));
    for id in ["PostLogLambdaFunction", "GetLogsLambdaFunction"] {
        let variables = &template.properties(id)["Environment"]["Variables"];
        let found = ["TABLE_SHARDS", "BATCH_RETENTION_DAYS", "LOG_RETENTION_DAYS"].map(|name| &variables[name]);
        assert_eq!(found, [&json!("32"), &json!("30"), &json!("365")], "{id}");
    }
}

#[test]
fn the_outputs_say_which_table_it_is_and_nothing_of_a_login() {
    for template in dynamodb() {
        let outputs = template.json["Outputs"].as_object().expect("an object");
        assert_eq!(outputs["TableName"]["Value"], json!({ "Ref": "Table" }));
        assert_eq!(outputs["TableArn"]["Value"], json!({ "Fn::GetAtt": ["Table", "Arn"] }));
        let of_mysql = outputs.keys().find(|name| name.contains("Secret") || name.contains("Migrate"));
        assert_eq!(of_mysql, None, "{}", template.name);
    }
}

#[test]
fn the_template_takes_as_many_shards_as_the_functions_do() {
    let limit = format!("given.number('tableShards', 1, {})", logs_core::dynamodb::TableSettings::MAX_SHARDS);
    assert!(include_str!("../../../infra/databases.js").contains(&limit), "{limit}");
}
