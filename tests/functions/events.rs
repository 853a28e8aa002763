//! The real binaries over the Runtime API, without a gateway: what they answer, what they log, how they start.

use serde_json::{Value, json};

use crate::harness::{Database, FunctionRun, body_event, event, record};

#[tokio::test]
async fn a_batch_is_acknowledged_in_the_shape_of_the_contract() {
    let database = Database::migrated().await;
    let function = FunctionRun::new("post-log", &[("DATABASE_URL", &database.url)]);
    let body = json!({ "payload": [record("a", 107, 1), { "deviceID": "b", "err": "x", "timestamp": 1 }] });
    let answer = function.invoke_as("the-request", &body_event(&body.to_string())).await.expect("it answers");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let expected = json!({
        "accepted": 1, "rejected": 1, "duplicate": false, "request_id": "the-request",
        "errors": [{ "index": 1, "field": "err", "code": "not_an_integer",
                     "message": "err must be an integer between -2147483648 and 2147483647" }]
    });
    assert_eq!(answer.body, expected);
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_base64_body_is_read_like_text() {
    let database = Database::migrated().await;
    let function = FunctionRun::new("post-log", &[("DATABASE_URL", &database.url)]);
    // {"deviceID":"any_device_token","err":107,"timestamp":1514864773}
    let mut event =
        body_event("eyJkZXZpY2VJRCI6ImFueV9kZXZpY2VfdG9rZW4iLCJlcnIiOjEwNywidGltZXN0YW1wIjoxNTE0ODY0NzczfQ==");
    event["isBase64Encoded"] = true.into();
    let answer = function.invoke(&event).await.expect("it answers");
    assert_eq!((answer.status, &answer.body["accepted"]), (200, &json!(1)));
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_posted_code_is_listed() {
    let database = Database::migrated().await;
    let post = FunctionRun::new("post-log", &[("DATABASE_URL", &database.url)]);
    let get = FunctionRun::new("get-logs", &[("DATABASE_URL", &database.url)]);
    let empty = get.invoke(&event()).await.expect("it answers");
    assert_eq!((empty.status, empty.body), (200, json!({ "result": [], "as_of": null })));
    post.send(&record("any_device_token", 107, 1_514_864_773).to_string()).await;
    let answer = get.invoke(&event()).await.expect("it answers");
    let log = &answer.body["result"][0];
    assert!(log["received_at"].is_i64() && log["error_log_id"].is_u64());
    assert_eq!(answer.body["as_of"], log["received_at"]);
    assert_eq!(
        (&log["device_id"], &log["error_code"], &log["timestamp"]),
        (&json!("any_device_token"), &json!(107), &json!(1_514_864_773))
    );
    assert_eq!(log.as_object().map(serde_json::Map::len), Some(5));
}

#[tokio::test]
async fn the_allowed_origin_is_a_setting() {
    let database = Database::migrated().await;
    let variables = [("DATABASE_URL", database.url.as_str()), ("ALLOWED_ORIGIN", "https://dashboard.example")];
    let function = FunctionRun::new("get-logs", &variables);
    let answer = function.invoke(&event()).await.expect("it answers");
    assert_eq!(answer.headers["access-control-allow-origin"], "https://dashboard.example");
}

#[tokio::test]
async fn the_cause_of_a_5xx_is_in_the_log_under_the_request_id_and_not_in_the_response() {
    let database = Database::empty().await;
    let function = FunctionRun::new("get-logs", &[("DATABASE_URL", &database.url)]);
    let answer = function.invoke_as("find-me", &event()).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let expected = json!({
        "type": "about:blank", "title": "Service Unavailable", "status": 503, "request_id": "find-me",
        "detail": "the store is out of reach; send the request again"
    });
    assert_eq!(answer.body, expected);
    let log = function.log();
    let line = log.lines().find(|line| line.contains("find-me")).expect("the request is in the log");
    let line: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
    assert!(line["error"].as_str().is_some_and(|error| error.contains("Logs' doesn't exist")), "{line}");
}

#[tokio::test]
async fn an_error_in_the_log_has_its_request_id_also_when_only_errors_are_logged() {
    let database = Database::empty().await;
    let variables = [("DATABASE_URL", database.url.as_str()), ("RUST_LOG", "error")];
    let function = FunctionRun::new("post-log", &variables);
    function.invoke_as("find-me", &body_event(&record("a", 1, 1).to_string())).await.expect("it answers");
    let log = function.log();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("not acknowledged") && log.contains("find-me"), "{log}");
}

#[tokio::test]
async fn the_log_has_neither_the_password_nor_the_payload() {
    let database = Database::migrated().await;
    let variables = [("DATABASE_URL", database.url.as_str()), ("RUST_LOG", "trace")];
    let function = FunctionRun::new("post-log", &variables);
    function.send(&record("a-device-that-nobody-may-know", 1, 1).to_string()).await;
    function.send("{\"deviceID\":\"a-device-that-nobody-may-know\"}").await;
    let log = function.log();
    let password = database.url.split([':', '@']).nth(2).expect("the URL has a password");
    assert!(log.contains("stored") && log.contains("refused"), "{log}");
    assert!(!log.contains(password) && !log.contains("a-device-that-nobody-may-know"), "{log}");
}

#[tokio::test]
async fn a_setting_that_is_missing_or_wrong_ends_the_start_with_a_sentence_that_names_it() {
    let without_database = "mysql://user:s3cret@127.0.0.1/";
    for (variables, name) in [
        (vec![], "DB_SECRET_ARN"),
        (vec![("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db"), ("DB_SECRET_ARN", "arn:x")], "DB_SECRET_ARN"),
        (vec![("DB_SECRET_ARN", "arn:x"), ("DB_PORT", "s3cret")], "DB_PORT"),
        (vec![("DATABASE_URL", "postgres://user:s3cret@127.0.0.1/db")], "DATABASE_URL"),
        (vec![("DATABASE_URL", without_database)], "DATABASE_URL"),
        (vec![("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db?ssl-mode=MAYBE")], "DATABASE_URL"),
        (vec![("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db"), ("ALLOWED_ORIGIN", "a b")], "ALLOWED_ORIGIN"),
        (vec![("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db"), ("RUST_LOG", "loud=very")], "RUST_LOG"),
    ] {
        for binary in ["post-log", "get-logs"] {
            let function = FunctionRun::new(binary, &variables);
            function.invoke(&event()).await.expect_err("it ends");
            let log = function.log();
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(log.contains(name) && !log.contains("s3cret"), "{log}");
        }
    }
}

/// An event with one part replaced.
fn with(part: &str, value: Value) -> Value {
    let mut event = body_event(&record("a", 1, 1).to_string());
    event[part] = value;
    event
}

#[tokio::test]
async fn an_event_from_anywhere_else_is_a_function_error_and_the_next_good_event_is_answered() {
    let database = Database::migrated().await;
    for (name, status) in [("post-log", 200), ("get-logs", 200)] {
        let function = FunctionRun::new(name, &[("DATABASE_URL", &database.url)]);
        assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, status);
        let before = function.process_ids();
        let mut base64 = with("body", json!("*** this is not base64 ***"));
        base64["isBase64Encoded"] = true.into();
        for event in [
            with("body", json!({ "deviceID": "a" })),
            with("headers", json!({ "If-None-Match": null })),
            with("headers", json!({ "Host": "no host name" })),
            with("headers", json!({ "Host": "[", "X-Forwarded-Proto": "::" })),
            base64,
            json!([]),
            json!("x"),
            json!(null),
            json!(5),
        ] {
            let lines = function.log().lines().count();
            function.run(&event).await.expect_err("that is no proxy event");
            assert!(function.log().lines().count() > lines, "a line of the log says why: {event}");
            assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, status, "after {event}");
        }
        assert_eq!(function.process_ids(), before, "no event ends the process");
    }
}

#[tokio::test]
async fn an_event_similar_to_a_proxy_event_gets_a_response_or_is_a_function_error() {
    let database = Database::migrated().await;
    let function = FunctionRun::new("post-log", &[("DATABASE_URL", &database.url)]);
    let mut console = with("headers", json!(null));
    for part in ["multiValueHeaders", "body", "queryStringParameters"] {
        console[part] = json!(null);
    }
    let scheduled = json!({ "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "eu-central-1", "resources": [], "detail": {} });
    let http_api = json!({ "version": "2.0", "routeKey": "POST /logs", "rawPath": "/logs", "rawQueryString": "",
        "headers": { "host": "a.example" }, "isBase64Encoded": false, "body": "[]",
        "requestContext": { "http": { "method": "POST", "path": "/logs" }, "stage": "$default" } });
    let load_balancer = json!({ "requestContext": { "elb": { "targetGroupArn": "arn" } }, "httpMethod": "POST",
        "path": "/logs", "queryStringParameters": {}, "headers": { "host": "a.example" }, "body": "[]",
        "isBase64Encoded": false });
    let payload = json!({ "payload": [record("a", 1, 1)] });
    let warmer = json!({ "source": "serverless-plugin-warmup" });
    // A response with this status where the event reads as one of the gateway, else a function error.
    let events = [
        (console, Some(400)),
        (scheduled, None),
        (http_api, None),
        (load_balancer, None),
        (payload, None),
        (warmer, None),
        (json!({}), None),
        (with("requestContext", json!(null)), None),
        (with("requestContext", json!({})), None),
        (with("requestContext", json!(5)), None),
        (with("headers", json!({ "x\ny": "z\r\n" })), None),
        (with("path", json!("//[/\u{0}")), Some(200)),
        (with("multiValueQueryStringParameters", json!({ "": [null] })), None),
        (with("httpMethod", json!("BREW COFFEE")), None),
        (with("headers", json!({ "content-type": "application/json" })), Some(200)),
    ];
    assert_eq!(function.send("[]").await.status, 400);
    let before = function.process_ids();
    for (event, status) in events {
        let response = function.run(&event).await.ok();
        assert_eq!(
            response.map(|response| response["statusCode"].clone()),
            status.map(|status| json!(status)),
            "{event}"
        );
        assert_eq!(function.process_ids(), before, "no event ends the process: {event}");
    }
    assert_eq!(database.count().await, 2, "each 200 has stored its record, and no other event has");
}
