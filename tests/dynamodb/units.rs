//! What calls cost, in DynamoDB's own count, and that it does not depend on how much is stored.

use serde_json::{Value, json};

use crate::harness::{
    FaultProxy, FunctionRun, Table, event, keyed_event, message, message_without_key, record, table_variables,
};

fn function(name: &str, proxy: &FaultProxy) -> FunctionRun {
    FunctionRun::new(name, &table_variables(&proxy.url()))
}

/// Any devices and codes of a fleet, at any time of the last hour.
fn body(size: usize, salt: usize) -> String {
    let now = logs_core::clock::unix_seconds();
    let log = |number: usize| {
        let number = number * 7_919 + salt * 104_729;
        let ago = i64::try_from(number % 3_600).expect("small");
        record(&format!("device-{:05}", number % 100_000), i64::try_from(number % 500).expect("small"), now - ago)
    };
    json!((0..size).map(log).collect::<Vec<Value>>()).to_string()
}

/// What was written for batches, not for ids and `as_of`: those are at most one a second.
fn written(proxy: &FaultProxy) -> f64 {
    let calls = proxy.take_calls();
    calls.iter().filter(|call| call.operation != "UpdateItem").map(|call| call.units).sum()
}

async fn post(function: &FunctionRun, key: Option<&str>, body: &str) {
    assert_eq!(function.invoke(&keyed_event(key, body)).await.expect("it answers").status, 200, "{}", function.log());
}

#[tokio::test]
async fn posts_and_gets_cost_few_units_however_much_is_stored() {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    let (post_log, get_logs) = (function("post-log", &proxy), function("get-logs", &proxy));
    post(&post_log, None, &body(1, 0)).await;
    for round in 0..20 {
        for (size, without, with) in [(1, 1.0, 4.0), (10, 2.0, 6.0), (100, 6.0, 8.0), (1_000, 40.0, 40.0)] {
            let body = body(size, round);
            proxy.keep_calls();
            post(&post_log, None, &body).await;
            let units = written(&proxy);
            assert!(units <= without, "{size} without a key: {units}");
            post(&post_log, Some(&format!("key-{round}-{size}-0123456789abcdef")), &body).await;
            let units_with = written(&proxy);
            assert!(units_with <= with, "{size} with a key: {units_with}");
        }
        get_logs.invoke(&event()).await.expect("it answers");
        proxy.keep_calls();
        get_logs.invoke(&event()).await.expect("it answers");
        let read: f64 = proxy.take_calls().iter().map(|call| call.units).sum();
        assert!(read <= 10.0, "GET in round {round}: {read}");
    }
    assert_eq!(table.count().await, 1 + 20 * 2 * 1_111);
}

#[tokio::test]
async fn as_of_and_ids_cost_at_most_one_write_a_second() {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    let post_log = function("post-log", &proxy);
    let started = logs_core::clock::unix_seconds();
    for round in 0..100 {
        post(&post_log, None, &body(1, round)).await;
    }
    let seconds = logs_core::clock::unix_seconds() - started + 1;
    let updates = proxy.take_calls().iter().filter(|call| call.operation == "UpdateItem").count();
    assert!(i64::try_from(updates).expect("few") <= 1 + seconds, "{updates} in {seconds} s");
}

#[tokio::test]
async fn metrics_say_what_a_request_cost() {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    let post_log = function("post-log", &proxy);
    proxy.fail("TransactWriteItems", crate::harness::Fault::Refuse("ThrottlingException"), 2);
    proxy.fail("TransactWriteItems", crate::harness::Fault::Refuse("TransactionConflictException"), 1);
    post(&post_log, Some("key"), &body(1, 0)).await;
    let log = post_log.log();
    let line = log.lines().find(|line| line.contains("\"_aws\"")).expect("a line in the embedded metric format");
    let metrics: Value = serde_json::from_str(line).expect("it is JSON");
    // Four for the batch, one for ids, one for as_of.
    for (name, expected) in [("WriteUnits", 6), ("Throttles", 2), ("Conflicts", 1), ("Retries", 3), ("Accepted", 1)] {
        assert_eq!(metrics[name], expected, "{name}: {line}");
    }
}

/// What the messages with these bodies cost.
async fn units_of_messages(bodies: Vec<String>) -> f64 {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    let store_logs = function("store-logs", &proxy);
    let count = i64::try_from(bodies.len()).expect("not that many");
    let records = bodies.into_iter().enumerate().map(|(id, body)| json!({ "messageId": id.to_string(), "body": body }));
    let answer = store_logs.run(&json!({ "Records": records.collect::<Vec<_>>() })).await.expect("it answers");
    assert_eq!(answer["batchItemFailures"], json!([]));
    assert_eq!(table.count().await, count);
    proxy.take_calls().iter().filter(|call| call.operation == "TransactWriteItems").map(|call| call.units).sum()
}

#[tokio::test]
async fn messages_under_keys_of_clients_cost_two_units_each_and_a_few_for_all_of_them() {
    let body = |number| message(&format!("key-{number}"), &format!("device-{number:05}"));
    // A ledger item for each, in a transaction, costs 2; the codes themselves next to nothing.
    let units = units_of_messages((0..1_000).map(body).collect()).await;
    assert!(units <= 2_100.0, "{units}");
}

#[tokio::test]
async fn ten_thousand_messages_without_keys_cost_a_tenth_of_a_unit_each_whether_of_one_second_or_of_many() {
    for seconds in [1_i64, 10, 50] {
        let body = |number| message_without_key(&[&format!("device-{number:05}")], 1_764_000_000 + number % seconds);
        let units = units_of_messages((0..10_000_i64).map(body).collect()).await;
        assert!(units <= 1_000.0, "{seconds} seconds: {units}");
    }
}
