//! An endpoint that throttles, fails, is cut and falls silent: nothing is lost, nothing is doubled.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::{
    Fault, FaultProxy, FunctionRun, Table, event, keyed_event, message, message_without_key, record, table_variables,
    until,
};

/// When messages were received.
const RECEIVED_AT: i64 = 1_764_000_000;

const FAULTS: [Fault; 9] = [
    Fault::Refuse("ThrottlingException"),
    Fault::Refuse("ProvisionedThroughputExceededException"),
    Fault::Refuse("RequestLimitExceeded"),
    Fault::Refuse("TransactionConflictException"),
    Fault::InternalError,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::SilenceAfter,
    Fault::NonsenseAfter,
];

async fn behind_a_proxy(name: &str) -> (Table, FaultProxy, FunctionRun) {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    let function = function(name, &proxy);
    (table, proxy, function)
}

fn function(name: &str, proxy: &FaultProxy) -> FunctionRun {
    FunctionRun::with_timeout(name, &table_variables(&proxy.url()), Duration::from_secs(6))
}

async fn send(function: &FunctionRun, key: Option<&str>, records: usize) -> (u16, Value) {
    let body: Vec<_> = (0..records).map(|number| record(&format!("device-{number}"), 1, 1)).collect();
    let answer = function.invoke(&keyed_event(key, &json!(body).to_string())).await.expect("it answers");
    (answer.status, answer.body["duplicate"].clone())
}

#[tokio::test]
async fn a_batch_with_a_key_is_stored_once_whatever_happens_to_its_transaction() {
    let (table, proxy, function) = behind_a_proxy("post-log").await;
    let mut stored = 0;
    for (number, fault) in FAULTS.into_iter().enumerate() {
        for size in [1, 11] {
            let key = format!("key-{number}-{size}");
            proxy.fail("TransactWriteItems", fault, 1);
            assert_eq!(send(&function, Some(&key), size).await, (200, json!(false)), "{fault:?}: {}", function.log());
            assert!(proxy.has_failed(), "{fault:?}");
            assert_eq!(send(&function, Some(&key), size).await, (200, json!(true)), "{fault:?}");
            stored += i64::try_from(size).expect("small");
            assert_eq!(table.count().await, stored, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_batch_without_a_key_is_stored_once_whatever_happens_to_its_put() {
    let (table, proxy, function) = behind_a_proxy("post-log").await;
    let mut stored = 0;
    for fault in FAULTS {
        for (operation, size) in [("PutItem", 1), ("TransactWriteItems", 11)] {
            proxy.fail(operation, fault, 1);
            assert_eq!(send(&function, None, size).await, (200, json!(false)), "{fault:?}: {}", function.log());
            assert!(proxy.has_failed(), "{fault:?}");
            stored += i64::try_from(size).expect("small");
            assert_eq!(table.count().await, stored, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn what_stays_refused_is_503_and_stored_nothing_and_what_stays_lost_is_found_by_the_next_request() {
    let (table, proxy, function) = behind_a_proxy("post-log").await;
    assert_eq!(send(&function, Some("warm"), 1).await.0, 200);
    proxy.fail("TransactWriteItems", Fault::Refuse("ThrottlingException"), usize::MAX);
    let event = keyed_event("key", &json!([record("device-0", 1, 1)]).to_string());
    let answer = function.invoke(&event).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")));
    assert!(function.log().contains("DynamoDB throttles") && function.log().contains("\"ambiguous\":false"));
    assert_eq!(table.count().await, 1);
    proxy.heal();
    proxy.fail("TransactWriteItems", Fault::CutAfter, usize::MAX);
    assert_eq!(function.invoke(&event).await.expect("it answers").status, 503);
    assert!(function.log().contains("\"ambiguous\":true"), "{}", function.log());
    proxy.heal();
    assert_eq!(send(&function, Some("key"), 1).await, (200, json!(true)));
    assert_eq!(table.count().await, 2);
}

#[tokio::test]
async fn a_shard_that_is_away_is_503_and_no_list_with_a_hole() {
    let (_table, proxy, post_log) = behind_a_proxy("post-log").await;
    assert_eq!(send(&post_log, None, 3).await.0, 200);
    let get_logs = function("get-logs", &proxy);
    let get = async || get_logs.invoke(&event()).await.expect("it answers");
    assert_eq!(get().await.body["result"].as_array().map(Vec::len), Some(3), "{}", get_logs.log());
    for fault in FAULTS {
        proxy.fail("shard#3", fault, 1);
        assert_eq!(get().await.status, 200, "{fault:?}: {}", get_logs.log());
        assert!(proxy.has_failed(), "{fault:?}");
    }
    proxy.fail("shard#3", Fault::InternalError, usize::MAX);
    let answer = get().await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")));
    proxy.heal();
    assert_eq!(get().await.status, 200);
}

#[tokio::test]
async fn messages_are_stored_once_whatever_happens_to_their_transactions() {
    let (table, proxy, store_logs) = behind_a_proxy("store-logs").await;
    let mut stored = 0;
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let under_keys = (0..100).map(|place| message(&format!("key-{number}-{place}"), "device"));
        let bodies: Vec<_> =
            under_keys.chain((0..100).map(|_| message_without_key(&["device"], RECEIVED_AT))).collect();
        for operation in ["TransactWriteItems", "bucket#"] {
            proxy.fail(operation, fault, 1);
            let answer = store_logs.run(&queue_event(&bodies)).await.expect("it answers");
            assert_eq!(answer["batchItemFailures"], json!([]), "{operation} {fault:?}: {}", store_logs.log());
            assert!(proxy.has_failed(), "{operation} {fault:?}");
        }
        stored += 200;
        assert_eq!(table.count().await, stored, "{fault:?}");
    }
}

#[tokio::test]
async fn a_consumer_that_is_killed_before_it_hears_that_messages_are_stored_doubles_none() {
    let (table, proxy, store_logs) = behind_a_proxy("store-logs").await;
    let bodies: Vec<_> = (0..300).map(|number| message_without_key(&["device"], RECEIVED_AT + number % 2)).collect();
    let of_one = queue_event(&bodies[..1]);
    assert_eq!(store_logs.run(&of_one).await.expect("it answers")["batchItemFailures"], json!([]));
    let process = Pid::from_raw(i32::try_from(store_logs.process_ids()[0]).expect("a process id"));
    proxy.fail("TransactWriteItems", Fault::SilenceAfter, 1);
    let first = queue_event(&bodies[..200]);
    let killed = async {
        until("the first messages are stored", async || table.count().await == 200).await;
        kill(process, Signal::SIGKILL).expect("it is our own child");
    };
    let (answer, ()) = tokio::join!(store_logs.invoke(&first), killed);
    answer.expect_err("so Lambda deletes nothing");
    // They come again with others, in other groups.
    for event in [&bodies[100..], &bodies] {
        let answer = store_logs.run(&queue_event(event)).await.expect("it answers");
        assert_eq!(answer["batchItemFailures"], json!([]), "{}", store_logs.log());
    }
    assert_eq!(table.count().await, 300);
}

fn queue_event(bodies: &[String]) -> Value {
    let records = bodies.iter().enumerate().map(|(id, body)| json!({ "messageId": id.to_string(), "body": body }));
    json!({ "Records": records.collect::<Vec<_>>() })
}
