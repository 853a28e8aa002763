//! The consumer of the queue, as its event source calls it: what is stored is stored once, what is not is named, and no
//! message takes another one down.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::harness::{AnyStore, Cut, Database, FunctionRun, in_time, on_every_store, proxy_before, until};

on_every_store!(
    a_message_that_is_delivered_again_is_stored_once_and_deleted,
    two_consumers_with_the_same_messages_at_once_store_each_once,
    of_ten_thousand_messages_with_one_in_a_hundred_poison_just_the_poison_is_named,
    a_duplicate_beside_another_batch_under_its_key_is_acknowledged,
    another_batch_under_a_used_key_is_named_and_not_stored,
    a_batch_that_was_stored_directly_is_not_stored_again,
    messages_that_come_out_of_order_are_listed_by_when_they_were_received,
    a_line_of_metrics_says_what_was_done,
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

async fn of_ten_thousand_messages_with_one_in_a_hundred_poison_just_the_poison_is_named(store: AnyStore) {
    let function = store.function("store-logs");
    let poison = [
        "",
        "no JSON",
        "{}",
        r#"{"version":2,"key":"k","received_at":1,"logs":[["a",1,1]]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[["",1,1]]}"#,
        r#"{"version":1,"key":"a b","received_at":1,"logs":[["a",1,1]]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[["a","1",1]]}"#,
    ];
    let is_poison = |place: usize| place % 100 == 37;
    let bodies: Vec<_> = (0..10_000)
        .map(|place| match place {
            place if is_poison(place) => poison[place / 100 % poison.len()].to_owned(),
            place => message(&format!("key-{place}"), &["a"]),
        })
        .collect();
    let expected: Vec<_> = (0..10_000).filter(|place| is_poison(*place)).collect();
    assert_eq!(failures(&function, &bodies).await, expected);
    assert_eq!(store.count().await, 9_900);
    let log = function.log();
    assert!(log.contains("has version 2, and this release reads version 1"), "{log}");
    assert!(log.matches("a message cannot be stored").count() <= 20, "a line for each would fill the log");
    let last = log.lines().find(|line| line.contains("\"failed\":100,")).expect("a line says how many failed");
    assert!(last.contains("not all is stored") && last.contains("\"level\":\"WARN\""), "{last}");
}

#[tokio::test]
async fn what_the_database_refuses_takes_no_neighbour_down() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD CONSTRAINT no_b CHECK (device_id <> 'b')").await;
    let function = store_logs(&database.url);
    let device = |place| if [3, 500, 501, 1_234].contains(&place) { "b" } else { "a" };
    let bodies: Vec<_> = (0..2_000).map(|place| message(&format!("key-{place}"), &["a", device(place)])).collect();
    assert_eq!(failures(&function, &bodies).await, [3, 500, 501, 1_234]);
    assert_eq!(database.count().await, 2 * 1_996);
    assert_eq!(failures(&function, &[&bodies[3..4], &bodies[3..4]].concat()).await, [0, 1]);
    assert_eq!(function.log().matches("a message cannot be stored").count(), 4 + 2, "the one that came twice, twice");
    database.run("ALTER TABLE Logs DROP CONSTRAINT no_b").await;
    assert_eq!(failures(&function, &bodies).await, NONE, "a refused message left nothing in the ledger");
    assert_eq!(database.count().await, 4_000);
}

#[tokio::test]
async fn many_that_the_database_refuses_take_no_neighbour_down_wherever_they_stand() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD CONSTRAINT no_b CHECK (device_id <> 'b')").await;
    let function = store_logs(&database.url);
    let device = |place| if place < 40 || place % 2 == 0 { "b" } else { "a" };
    let bodies: Vec<_> = (0..400).map(|place| message(&format!("key-{place:03}"), &[device(place)])).collect();
    let expected: Vec<_> = (0..400).filter(|place| device(*place) == "b").collect();
    assert_eq!(failures(&function, &bodies).await, expected);
    assert_eq!(database.count().await, 400 - i64::try_from(expected.len()).expect("a few"));
}

#[tokio::test]
async fn a_server_that_becomes_read_only_ends_the_work_at_once() {
    let database = Database::migrated().await;
    let trigger = "CREATE TRIGGER failover BEFORE INSERT ON Logs FOR EACH ROW BEGIN IF NEW.device_id = 'b' THEN \
                   SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'read-only'; END IF; END";
    database.run(trigger).await;
    let function = store_logs(&database.url);
    let device = |place| if place == 1_500 { "b" } else { "a" };
    let bodies: Vec<_> = (0..3_000).map(|place| message(&format!("key-{place:04}"), &[device(place)])).collect();
    let failed = failures(&function, &bodies).await;
    assert_eq!(failed, (1_000..3_000).collect::<Vec<_>>(), "what was stored before stays stored");
    assert_eq!(database.count().await, 1_000);
    let log = function.log();
    assert!(log.contains("read-only") && log.lines().count() < 20, "{log}");
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
async fn what_has_waited_longest_is_stored_first() {
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

#[tokio::test]
async fn a_row_that_a_table_of_ones_own_has_already_is_refused_and_named() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD UNIQUE INDEX once (device_id)").await;
    let function = store_logs(&database.url);
    let device = |place: usize| format!("device-{}", if place == 7 { 3 } else { place });
    let bodies: Vec<_> = (0..20).map(|place| message(&format!("key-{place:02}"), &[&device(place)])).collect();
    let failed = failures(&function, &bodies).await;
    assert!(failed == [3] || failed == [7], "one of the two: {failed:?}");
    assert!(function.log().contains("1062"), "{}", function.log());
    assert_eq!(database.count().await, 19);
}

async fn a_duplicate_beside_another_batch_under_its_key_is_acknowledged(store: AnyStore) {
    let function = store.function("store-logs");
    assert_eq!(failures(&function, &[message("k", &["y"])]).await, NONE);
    assert_eq!(failures(&function, &[message("k", &["x"]), message("k", &["y"])]).await, [0]);
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn a_database_that_refuses_everything_keeps_all_messages_in_the_queue() {
    let database = Database::empty().await;
    let function = store_logs(&database.url);
    let bodies: Vec<_> = (0..5_000).map(|place| message(&format!("key-{place}"), &["a"])).collect();
    let all: Vec<_> = (0..5_000).collect();
    assert_eq!(failures(&function, &bodies).await, all, "there are no tables");
    assert!(function.log().matches("\"level\":\"ERROR\"").count() <= 21, "{}", function.log());
}

#[tokio::test]
async fn a_database_that_is_away_keeps_all_messages_in_the_queue() {
    let function = store_logs("mysql://nobody:x@127.0.0.1:1/Error_Logs");
    let bodies = [message("k", &["a"]), "poison".to_owned(), message("l", &["a"])];
    assert_eq!(failures(&function, &bodies).await, [0, 1, 2]);
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
    let mut direct = crate::harness::body_event(&body);
    direct["headers"]["Idempotency-Key"] = "k".into();
    direct["multiValueHeaders"]["Idempotency-Key"] = json!(["k"]);
    assert_eq!(post_log.invoke(&direct).await.expect("it answers").status, 200);
    let function = store.function("store-logs");
    assert_eq!(failures(&function, &[message("k", &["a"])]).await, NONE);
    assert_eq!(store.count().await, 1);
}

#[tokio::test]
async fn a_connection_that_is_lost_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    let cuts = [Cut::Before("COMMIT"), Cut::After("COMMIT"), Cut::Before("BEGIN"), Cut::After("INSERT INTO Batches")];
    let mut count = 0;
    for (number, cut) in (1..).zip(cuts) {
        proxy.cut(cut);
        // Another number each time: only the first time does a statement cross the wire as text.
        let bodies: Vec<_> = (0..number).map(|place| message(&format!("key-{number}-{place}"), &["a"])).collect();
        assert_eq!(failures(&function, &bodies).await, NONE, "{cut:?}");
        assert!(proxy.has_cut(), "{cut:?}");
        count += number;
        assert_eq!(database.count().await, count, "{cut:?}");
    }
}

#[tokio::test]
async fn an_outcome_that_nobody_can_tell_is_told_by_the_next_delivery() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    let bodies = [message("k", &["a"]), message("l", &["a"])];
    proxy.cut_and_turn_away(Cut::After("COMMIT"), u32::MAX);
    assert_eq!(failures(&function, &bodies).await, [0, 1], "stored, and nobody can tell");
    assert_eq!(database.count().await, 2);
    assert_eq!(failures(&store_logs(&database.url), &bodies).await, NONE);
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_consumer_that_is_killed_between_commit_and_delete_doubles_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    assert_eq!(failures(&function, &[message("first", &["a"])]).await, NONE);
    let process = function.process_ids()[0];
    proxy.cut(Cut::SilenceAfter("COMMIT"));
    let bodies = [message("k", &["a"]), message("l", &["a", "b"])];
    let event = event(&bodies);
    let kill = async {
        until("the batch is committed", async || database.count().await == 4).await;
        let process = Pid::from_raw(i32::try_from(process).expect("a process id"));
        nix::sys::signal::kill(process, Signal::SIGKILL).expect("it is our own child");
    };
    let (answer, ()) = tokio::join!(function.invoke(&event), kill);
    answer.expect_err("so Lambda deletes nothing");
    assert_eq!(failures(&function, &bodies).await, NONE, "delivered again");
    assert_eq!(database.count().await, 4);
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
async fn a_key_that_somebody_else_has_locked_holds_up_only_its_own_message() {
    let database = Database::migrated().await;
    let mut other = database.connection().await;
    let insert = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) \
                  VALUES ('key-5', REPEAT('x', 32), 1, REPEAT('y', 16), 1)";
    for statement in ["BEGIN", insert] {
        other.execute(statement).await.expect("a row can be inserted");
    }
    let function = store_logs(&database.url);
    let bodies: Vec<_> = (0..8).map(|place| message(&format!("key-{place}"), &["a"])).collect();
    assert_eq!(failures(&function, &bodies).await, [5]);
    assert_eq!(database.count().await, 7);
    assert!(function.log().contains("another request is storing its Idempotency-Key"), "{}", function.log());
    other.execute("ROLLBACK").await.expect("a transaction can be ended");
    assert_eq!(failures(&function, &bodies).await, NONE);
    assert_eq!(database.count().await, 8);
}

#[tokio::test]
async fn without_time_no_work_is_begun_and_nothing_is_lost() {
    let database = Database::migrated().await;
    let variables = [("DATABASE_URL", database.url.as_str())];
    let function = FunctionRun::with_timeout("store-logs", &variables, Duration::from_secs(2));
    assert_eq!(failures(&function, &[message("k", &["a"])]).await, [0]);
    assert_eq!(database.count().await, 0);
}

#[tokio::test]
async fn an_event_that_is_none_fails_as_a_whole() {
    let function = store_logs("mysql://nobody:x@127.0.0.1:1/Error_Logs");
    for event in [json!({}), json!({ "Records": [{ "body": "without an id" }] }), json!([])] {
        function.run(&event).await.expect_err("no answer would delete all messages");
    }
    assert_eq!(failures(&function, &[]).await, NONE, "and the next one is served");
}

async fn a_line_of_metrics_says_what_was_done(store: AnyStore) {
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
