//! The queue between post-log and the database: retention, consumer, and the way to queued mode and back.

use serde_json::{Value, json};

use super::aliases::live;
use crate::harness::{Project, Template, direct, draining, dynamodb, queued, variants};

/// 14 days, the maximum of SQS.
const LONGEST: u64 = 14 * 24 * 60 * 60;

const QUEUES: [&str; 2] = ["Queue", "DeadLetterQueue"];

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn with_queue() -> Vec<&'static Template> {
    variants().into_iter().filter(|template| template.has("Queue")).collect()
}

fn mapping(template: &Template) -> &Value {
    let all = template.of_type("AWS::Lambda::EventSourceMapping");
    let [(_, mapping)] = all[..] else { panic!("{}: one is expected", template.name) };
    mapping
}

#[test]
fn in_direct_mode_there_is_nothing_of_a_queue() {
    let [dev, prod, ..] = dynamodb();
    for template in direct().into_iter().chain([dev, prod]) {
        for (id, resource) in template.resources() {
            let kind = resource["Type"].as_str().expect("a type");
            assert!(!kind.starts_with("AWS::SQS::") && kind != "AWS::Lambda::EventSourceMapping", "{id}");
        }
        let text = template.json.to_string().to_lowercase();
        for word in ["sqs", "queue_url", "storelogs", "store-logs", "store_logs"] {
            assert!(!text.contains(word), "{}: {word}", template.name);
        }
    }
}

#[test]
fn a_queued_post_log_knows_the_queue_and_neither_database_nor_network() {
    let function = queued().properties("PostLogLambdaFunction");
    let expected = json!({
        "ALLOWED_ORIGIN": "*",
        "DEVICE_RATE": "0",
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "QUEUE_URL": { "Ref": "Queue" },
        "RUST_LOG": "info",
    });
    assert_eq!(function["Environment"]["Variables"], expected);
    assert!(function.get("VpcConfig").is_none(), "{function}");
    assert_eq!(queued().depends_on("PostLogLambdaFunction"), ["PostLogLogGroup"]);
}

#[test]
fn while_a_queue_drains_post_log_is_as_in_direct_mode() {
    let [_, direct, ..] = direct();
    let without_zips = |template: &Template| {
        let mut function = template.resources()["PostLogLambdaFunction"].clone();
        // The time of packaging, and a hash of all zips.
        for of_zips in ["Code", "Description"] {
            function["Properties"][of_zips] = Value::Null;
        }
        function
    };
    assert_eq!(without_zips(draining()), without_zips(direct));
    for id in QUEUES.into_iter().chain(["StoreLogsLambdaFunction", "StoreLogsEventSourceMappingSQSQueue"]) {
        assert!(draining().has(id), "{id}");
    }
}

#[test]
fn a_message_comes_again_only_when_the_consumer_cannot_have_it_any_more() {
    let slow = Project::copy().package("dev", &["ingestion=queued", "queueWindow=300"]).expect("it can be packaged");
    for template in with_queue().into_iter().chain([&slow]) {
        let timeout = number(&template.properties("StoreLogsLambdaFunction")["Timeout"]);
        let window = number(&mapping(template)["MaximumBatchingWindowInSeconds"]);
        let visibility = number(&template.properties("Queue")["VisibilityTimeout"]);
        assert_eq!(timeout, 30);
        assert!(visibility >= 6 * timeout + window, "{}: {visibility}", template.name);
        // An outage of an hour makes no dead letters, and a bad message is not retried for days.
        let tries = number(&template.properties("Queue")["RedrivePolicy"]["maxReceiveCount"]);
        assert!((3_600..3_600 + visibility).contains(&(tries * visibility)), "{}: {tries}", template.name);
        // AWS advises five at least.
        assert!(tries >= 5, "{}: {tries}", template.name);
    }
    assert_eq!(number(&mapping(&slow)["MaximumBatchingWindowInSeconds"]), 300);
}

#[test]
fn what_fails_is_noticed_before_it_is_put_aside() {
    for template in with_queue().into_iter().filter(|template| template.has("StoreLogsFailedAlarm")) {
        let queue = template.properties("Queue");
        let visibility = number(&queue["VisibilityTimeout"]);
        let until_put_aside = visibility * number(&queue["RedrivePolicy"]["maxReceiveCount"]);
        let age = template.properties("QueueAgeAlarm");
        let rings = number(&age["Threshold"]) + number(&age["Period"]) * number(&age["EvaluationPeriods"]);
        assert!(rings < until_put_aside / 2, "{}: {rings} s", template.name);
        let failed = template.properties("StoreLogsFailedAlarm");
        let period = number(&failed["Period"]);
        assert!(period > visibility, "{}: what fails every time shows in each period", template.name);
        assert!(period * number(&failed["EvaluationPeriods"]) < until_put_aside / 2, "{}", template.name);
    }
}

/// Two minutes, and the call that had begun. Less than a period touches two periods at most.
#[test]
fn a_failover_rings_no_alarm_for_failed_messages() {
    for template in with_queue().into_iter().filter(|template| template.has("StoreLogsFailedAlarm")) {
        let failed = template.properties("StoreLogsFailedAlarm");
        let timeout = number(&template.properties("StoreLogsLambdaFunction")["Timeout"]);
        assert!(number(&failed["Period"]) > 120 + timeout, "{}", template.name);
        assert_eq!((&failed["EvaluationPeriods"], &failed["DatapointsToAlarm"]), (&json!(3), &json!(3)));
    }
}

#[test]
fn the_ledger_remembers_what_a_redrive_brings_back() {
    for template in with_queue() {
        let kept = QUEUES.map(|id| number(&template.properties(id)["MessageRetentionPeriod"])).iter().sum::<u64>();
        // On MySQL retention deletes rows; on DynamoDB the writer sets the expiry of an item.
        let function = if template.has("Table") { "StoreLogsLambdaFunction" } else { "RetentionLambdaFunction" };
        let variables = &template.properties(function)["Environment"]["Variables"];
        let days: u64 = variables["BATCH_RETENTION_DAYS"].as_str().and_then(|days| days.parse().ok()).expect("days");
        assert!(days * 24 * 60 * 60 >= kept, "{}: {days} days", template.name);
    }
}

#[test]
fn store_logs_gets_large_batches_and_gives_back_only_what_failed() {
    for template in with_queue() {
        let concurrency = if template.stage() == "prod" { 5 } else { 2 };
        let expected = json!({
            "EventSourceArn": { "Fn::GetAtt": ["Queue", "Arn"] },
            "FunctionName": live("StoreLogs"),
            "Enabled": true,
            "BatchSize": 10_000,
            "MaximumBatchingWindowInSeconds": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": { "MaximumConcurrency": concurrency },
        });
        assert_eq!(mapping(template), &expected, "{}", template.name);
        let reserved = &template.properties("StoreLogsLambdaFunction")["ReservedConcurrentExecutions"];
        assert_eq!(reserved, concurrency, "what is received finds an environment, and no more than are counted");
    }
}

#[test]
fn messages_are_kept_for_the_longest_time_encrypted_and_up_to_the_largest_size() {
    for template in with_queue() {
        for id in QUEUES {
            let queue = template.properties(id);
            assert_eq!(number(&queue["MessageRetentionPeriod"]), LONGEST, "{}: {id}", template.name);
            assert_eq!(number(&queue["MaximumMessageSize"]), 1 << 20, "{}: {id}", template.name);
            assert_eq!(queue["SqsManagedSseEnabled"], true, "{}: {id}", template.name);
            assert_eq!(
                template.properties(&format!("{id}Policy")),
                &json!({
                    "Queues": [{ "Ref": id }],
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{
                            "Sid": "NotWithoutTls",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sqs:*",
                            "Resource": { "Fn::GetAtt": [id, "Arn"] },
                            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
                        }],
                    },
                })
            );
        }
        assert_eq!(template.of_type("AWS::SQS::Queue").len(), QUEUES.len());
    }
}

#[test]
fn dead_letters_come_from_this_queue_and_from_no_other() {
    for template in with_queue() {
        let name = format!("error-codes-{}-batches", template.stage());
        let queue = template.properties("Queue");
        assert_eq!(queue["QueueName"], name);
        assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], json!({ "Fn::GetAtt": ["DeadLetterQueue", "Arn"] }));
        let arn = format!("arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}");
        let expected = json!({ "redrivePermission": "byQueue", "sourceQueueArns": [{ "Fn::Sub": arn }] });
        assert_eq!(template.properties("DeadLetterQueue")["RedriveAllowPolicy"], expected);
        assert!(template.properties("DeadLetterQueue").get("RedrivePolicy").is_none(), "that would be a circle");
    }
}

#[test]
fn no_deployment_and_no_removal_of_the_stack_takes_messages_away() {
    // If post-log has never written to it, a deployment that fails deletes its queue.
    for template in with_queue() {
        let deletion = if template.is_queued() { "Retain" } else { "RetainExceptOnCreate" };
        for id in QUEUES {
            let queue = &template.resources()[id];
            assert_eq!(queue["DeletionPolicy"], deletion, "{}: {id}", template.name);
            assert_eq!(queue["UpdateReplacePolicy"], "Retain", "{}: {id}", template.name);
        }
    }
}

#[test]
fn a_queue_that_is_in_use_keeps_its_consumer_and_one_that_drains_may_go() {
    for (way, expected) in [
        ("queued", &["AWS::RDS::DBInstance", "AWS::SQS::Queue", "AWS::Lambda::EventSourceMapping"][..]),
        ("draining", &["AWS::RDS::DBInstance"]),
    ] {
        let project = Project::copy();
        project.package("prod", &[&format!("ingestion={way}")]).expect("it can be packaged");
        let provider = project.provider();
        let policy = provider["stackPolicy"].as_array().expect("a list");
        let deny = policy.iter().find(|rule| rule["Effect"] == "Deny").expect("there is one");
        assert_eq!(deny["Action"], json!(["Update:Replace", "Update:Delete"]));
        assert_eq!(deny["Condition"]["StringEquals"]["ResourceType"], json!(expected), "{way}");
    }
}

/// If a role or an endpoint lost its permissions before the function has its new settings, the calls in between would
/// fail.
#[test]
fn post_log_changes_its_role_in_one_step_and_the_endpoint_closes_behind_it() {
    for template in variants() {
        assert!(template.has(if template.is_queued() { "PostLogQueueRole" } else { "PostLogRole" }));
        assert!(!template.has(if template.is_queued() { "PostLogRole" } else { "PostLogQueueRole" }));
        if template.has("SecretsEndpoint") {
            let endpoint = template.depends_on("SecretsEndpoint");
            let closes = template.is_queued() && template.has_secrets();
            assert_eq!(endpoint.contains(&"PostLogAlias"), closes, "{}", template.name);
        }
    }
}

#[test]
fn the_outputs_say_where_the_queues_are() {
    for template in variants() {
        let outputs = &template.json["Outputs"];
        let value = |name: &str| outputs[name]["Value"].clone();
        let expected = [
            ("QueueUrl", json!({ "Ref": "Queue" })),
            ("QueueArn", json!({ "Fn::GetAtt": ["Queue", "Arn"] })),
            ("DeadLetterQueueUrl", json!({ "Ref": "DeadLetterQueue" })),
            ("DeadLetterQueueArn", json!({ "Fn::GetAtt": ["DeadLetterQueue", "Arn"] })),
            ("StoreLogsFunction", json!({ "Ref": "StoreLogsLambdaFunction" })),
            ("StoreLogsSecretArn", json!({ "Ref": "StoreLogsSecret" })),
        ];
        for (name, there) in expected {
            let is_there = template.has("Queue") && (name != "StoreLogsSecretArn" || template.has_secrets());
            let expected = if is_there { there } else { Value::Null };
            assert_eq!(value(name), expected, "{}: {name}", template.name);
        }
    }
}
