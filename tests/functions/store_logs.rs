//! store-logs as its event source calls it: each batch is stored once, each failed message is named, and no message
//! harms another.

mod interruptions;
mod refusals;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{AnyStore, Database, FunctionRun, in_time, keyed_event, message_without_key, on_every_store};

on_every_store!(
    a_message_that_is_delivered_again_is_stored_once_and_deleted,
    two_consumers_with_the_same_messages_at_once_store_each_once,
    messages_without_a_key_are_stored_once_however_their_deliveries_are_grouped,
    consumers_that_share_messages_without_keys_at_once_store_each_once,
    a_key_of_a_client_that_looks_like_one_of_ours_is_another_one,
    a_duplicate_beside_another_batch_under_its_key_is_acknowledged,
    another_batch_under_a_used_key_is_named_and_not_stored,
    a_batch_that_was_stored_directly_is_not_stored_again,
    messages_that_come_out_of_order_are_listed_by_when_they_were_received,
    a_line_of_metrics_counts_messages_and_logs,
);

/// When every message here was received.
const RECEIVED_AT: i64 = 1_764_000_000;

fn message(key: &str, devices: &[&str]) -> String {
    let logs: Vec<_> = devices.iter().map(|device| json!([device, 107, 1_514_864_773])).collect();
    json!({ "version": 1, "key": key, "received_at": RECEIVED_AT, "logs": logs }).to_string()
}

/// An event of Lambda's; the messages' ids are their places.
fn event(bodies: &[String]) -> Value {
    let records = bodies.iter().enumerate().map(|(place, body)| {
        json!({
            "messageId": place.to_string(), "receiptHandle": "handle", "body": body, "md5OfBody": "",
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1764000000000" },
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:error-codes",
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// Which messages the answer says are to be delivered again.
async fn failures(function: &FunctionRun, bodies: &[String]) -> Vec<usize> {
    let answer = function.run(&event(bodies)).await.expect("it answers");
    let failures = answer["batchItemFailures"].as_array().expect("a list");
    let place = |failure: &Value| failure["itemIdentifier"].as_str().and_then(|id| id.parse().ok());
    let mut places: Vec<_> = failures.iter().map(|failure| place(failure).expect("an id of the event")).collect();
    places.sort_unstable();
    places
}

fn store_logs(url: &str) -> FunctionRun {
    FunctionRun::new("store-logs", &[("DATABASE_URL", url)])
}

const NONE: [usize; 0] = [];

#[tokio::test]
async fn messages_become_rows_that_are_dated_by_when_they_were_received() {
    let database = Database::migrated().await;
    let function = store_logs(&database.url);
    assert_eq!(failures(&function, &[message("k", &["a", "b"]), message("l", &["c"])]).await, NONE);
    let mut connection = database.connection().await;
    let rows: Vec<(String, i32, i64, i64)> =
        sqlx::query_as("SELECT device_id, error_number, time_stamp, received_at FROM Logs ORDER BY device_id")
            .fetch_all(&mut connection)
            .await
            .expect("there is a table Logs");
    let expected = ["a", "b", "c"].map(|device| (device.to_owned(), 107, 1_514_864_773, RECEIVED_AT));
    assert_eq!(rows, expected);
}

async fn a_message_that_is_delivered_again_is_stored_once_and_deleted(store: AnyStore) {
    let function = store.function("store-logs");
    let bodies: Vec<_> = (0..1_500).map(|number| message(&format!("key-{number}"), &["a", "b"])).collect();
    // Some before, all, all again, and all twice in one event.
    for event in [&bodies[700..1_100], &bodies, &bodies, &[&bodies[..], &bodies].concat()] {
        assert_eq!(failures(&function, event).await, NONE);
    }
    assert_eq!(store.count().await, 3_000);
}

async fn two_consumers_with_the_same_messages_at_once_store_each_once(store: AnyStore) {
    let bodies: Vec<_> = (0..3_000).map(|number| message(&format!("key-{number}"), &["a"])).collect();
    let reversed: Vec<_> = bodies.iter().rev().cloned().collect();
    let consumers = [store.function("store-logs"), store.function("store-logs")];
    let (one, other) = tokio::join!(failures(&consumers[0], &bodies), failures(&consumers[1], &reversed));
    assert_eq!((one, other), (NONE.to_vec(), NONE.to_vec()));
    assert_eq!(store.count().await, 3_000);
}

/// Received in this and the next two seconds.
fn without_keys(count: i64) -> Vec<String> {
    (0..count).map(|number| message_without_key(&["a"], RECEIVED_AT + number % 3)).collect()
}

async fn messages_without_a_key_are_stored_once_however_their_deliveries_are_grouped(store: AnyStore) {
    let function = store.function("store-logs");
    let bodies = without_keys(1_500);
    let others: Vec<_> = (0..300).map(|number| message(&format!("key-{number}"), &["b"])).collect();
    let mixed: Vec<_> = bodies[..700].iter().rev().chain(&others).cloned().collect();
    for event in [&bodies[700..1_100], &bodies[..1], &mixed, &bodies, &[&bodies[..], &mixed, &bodies].concat()] {
        assert_eq!(failures(&function, event).await, NONE);
    }
    assert_eq!(store.count().await, 1_800);
    let log = function.log();
    let line = log.lines().rfind(|line| line.contains("\"_aws\"")).expect("a line of metrics");
    let metrics: Value = serde_json::from_str(line).expect("it is JSON");
    assert_eq!((&metrics["Accepted"], &metrics["Duplicates"]), (&json!(0), &json!(4_000)), "{line}");
}

async fn consumers_that_share_messages_without_keys_at_once_store_each_once(store: AnyStore) {
    let bodies = without_keys(2_000);
    let consumers: Vec<_> = (0..4).map(|_| store.function("store-logs")).collect();
    // Each shares half of its messages with the next one.
    let share = |place: usize| [&bodies[place * 500..], &bodies].concat()[..1_000].to_vec();
    let shares = [0, 1, 2, 3].map(share);
    let at_once = tokio::join!(
        failures(&consumers[0], &shares[0]),
        failures(&consumers[1], &shares[1]),
        failures(&consumers[2], &shares[2]),
        failures(&consumers[3], &shares[3]),
    );
    assert_eq!(at_once, (NONE.to_vec(), NONE.to_vec(), NONE.to_vec(), NONE.to_vec()));
    assert_eq!(store.count().await, 2_000);
}

/// Releases before this one told the two apart by nothing, so such messages may be in the queue.
async fn a_key_of_a_client_that_looks_like_one_of_ours_is_another_one(store: AnyStore) {
    let function = store.function("store-logs");
    let old = message_without_key(&["a"], RECEIVED_AT).replace("\"version\":2", "\"version\":1");
    for _ in 0..2 {
        assert_eq!(failures(&function, &[old.clone(), message_without_key(&["b"], RECEIVED_AT)]).await, NONE);
    }
    assert_eq!(failures(&function, &[old.replace("\"a\"", "\"c\"")]).await, [0], "another batch under its key");
    assert_eq!(store.count().await, 3);
}

#[tokio::test]
async fn a_slow_database_gets_something_done_with_every_delivery() {
    let database = Database::migrated().await;
    database.run("CREATE TRIGGER slow BEFORE INSERT ON Logs FOR EACH ROW DO SLEEP(0.001)").await;
    let variables = [("DATABASE_URL", database.url.as_str())];
    let function = FunctionRun::with_timeout("store-logs", &variables, Duration::from_secs(8));
    let bodies: Vec<_> = (0..6_000).map(|place| message(&format!("key-{place:04}"), &["a"])).collect();
    let mut left = bodies.clone();
    while !left.is_empty() {
        let failed = failures(&function, &left).await;
        assert!(failed.len() < left.len(), "{}", function.log());
        left = failed.iter().map(|place| left[*place].clone()).collect();
    }
    assert_eq!(database.count().await, 6_000);
}

#[tokio::test]
async fn the_oldest_messages_are_stored_first() {
    let database = Database::migrated().await;
    let received = |key: &str, received_at: i64| {
        let logs = json!([["a", 1, received_at]]);
        json!({ "version": 1, "key": key, "received_at": received_at, "logs": logs }).to_string()
    };
    // By key the old ones would come last, and by their place as well.
    let mut bodies: Vec<_> = (0..50).map(|number| received(&format!("a-{number}"), 2_000)).collect();
    bodies.extend((0..10).map(|number| received(&format!("z-{number}"), 1_000)));
    assert_eq!(failures(&store_logs(&database.url), &bodies).await, NONE);
    let mut connection = database.connection().await;
    let sql = "SELECT received_at FROM Logs ORDER BY error_log_id LIMIT 10";
    let first: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("there is a table Logs");
    assert_eq!(first, [1_000; 10]);
}

async fn a_duplicate_beside_another_batch_under_its_key_is_acknowledged(store: AnyStore) {
    let function = store.function("store-logs");
    assert_eq!(failures(&function, &[message("k", &["y"])]).await, NONE);
    assert_eq!(failures(&function, &[message("k", &["x"]), message("k", &["y"])]).await, [0]);
    assert_eq!(store.count().await, 1);
}

async fn another_batch_under_a_used_key_is_named_and_not_stored(store: AnyStore) {
    let function = store.function("store-logs");
    assert_eq!(failures(&function, &[message("k", &["a"])]).await, NONE);
    let bodies = [message("k", &["b"]), message("l", &["a"]), message("l", &["b"]), message("l", &["a"])];
    assert_eq!(failures(&function, &bodies).await, [0, 2]);
    assert_eq!(store.count().await, 2);
}

async fn a_batch_that_was_stored_directly_is_not_stored_again(store: AnyStore) {
    let post_log = store.function("post-log");
    let body = json!([{ "deviceID": "a", "err": 107, "timestamp": 1_514_864_773 }]).to_string();
    assert_eq!(post_log.invoke(&keyed_event("k", &body)).await.expect("it answers").status, 200);
    let function = store.function("store-logs");
    assert_eq!(failures(&function, &[message("k", &["a"])]).await, NONE);
    assert_eq!(store.count().await, 1);
}

async fn messages_that_come_out_of_order_are_listed_by_when_they_were_received(store: AnyStore) {
    let received = |device: &str, received_at: i64| {
        // This device's clock is far ahead: only when it was received tells.
        let logs = json!([[device, 1, 4_000_000_000_i64]]);
        json!({ "version": 1, "key": device, "received_at": received_at, "logs": logs }).to_string()
    };
    let function = store.function("store-logs");
    let bodies = [received("third", 1_003), received("first", 1_001), received("second", 1_002)];
    assert_eq!(failures(&function, &bodies).await, NONE);
    assert_eq!(failures(&function, &[received("zeroth", 1_000)]).await, NONE);
    let listed = store.store().most_recent(in_time()).await.expect("the database is there");
    let devices: Vec<_> = listed.result.iter().map(logs_core::Log::device_id).collect();
    assert_eq!((devices, listed.as_of), (vec!["third", "second", "first", "zeroth"], Some(1_003)));
}

#[tokio::test]
async fn without_time_no_transaction_is_begun_and_no_message_is_lost() {
    let database = Database::migrated().await;
    let variables = [("DATABASE_URL", database.url.as_str())];
    let function = FunctionRun::with_timeout("store-logs", &variables, Duration::from_secs(2));
    assert_eq!(failures(&function, &[message("k", &["a"])]).await, [0]);
    assert_eq!(database.count().await, 0);
}

#[tokio::test]
async fn a_malformed_event_fails_as_a_whole() {
    let function = store_logs("mysql://nobody:x@127.0.0.1:1/Error_Logs");
    for event in [json!({}), json!({ "Records": [{ "body": "without an id" }] }), json!([])] {
        function.run(&event).await.expect_err("no answer would delete all messages");
    }
    assert_eq!(failures(&function, &[]).await, NONE, "and the next one is served");
}

async fn a_line_of_metrics_counts_messages_and_logs(store: AnyStore) {
    let function = store.function("store-logs");
    failures(&function, &[message("k", &["a", "b"]), "poison".to_owned(), message("k", &["a", "b"])]).await;
    failures(&function, &[message("k", &["a", "b"])]).await;
    let log = function.log();
    let mut lines = log.lines().filter(|line| line.contains("\"_aws\""));
    let line = lines.next().expect("a line in the embedded metric format");
    let metrics: Value = serde_json::from_str(line).expect("it is JSON");
    for (name, expected) in
        [("Messages", 3), ("Accepted", 2), ("Duplicates", 1), ("Failed", 1), ("RowsPerStatement", 2), ("ColdStart", 1)]
    {
        assert_eq!(metrics[name], expected, "{name}: {line}");
    }
    assert!(metrics["QueueLag"].as_i64().is_some_and(|lag| lag > 0), "{line}");
    assert_eq!(metrics["FunctionName"], "store-logs");
    let line = lines.next().expect("a line for the second event");
    let metrics: Value = serde_json::from_str(line).expect("it is JSON");
    assert_eq!((&metrics["Accepted"], &metrics["Duplicates"]), (&json!(0), &json!(1)), "{line}");
    assert!(!line.contains("RowsPerStatement") && !line.contains("QueueLag"), "nothing was stored: {line}");
}
