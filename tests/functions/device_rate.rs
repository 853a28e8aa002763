//! A device over its rate has to wait; the others do not, and nothing is lost. The rate is so low that no bucket drains
//! while a test runs.

use serde_json::{Value, json};

use super::queued::{Queued, store_messages};
use crate::harness::{AnyStore, FunctionAnswer, FunctionRun, Moto, event, keyed_event, on_every_store, record};

on_every_store!(
    a_device_over_its_rate_has_to_wait_and_the_others_of_a_batch_do_not,
    with_a_key_a_batch_is_stored_whole_or_not_at_all,
    a_retry_of_a_batch_that_was_stored_is_a_duplicate_however_much_its_device_sends,
    with_a_queue_a_retry_over_the_rate_waits_and_is_stored_once,
);

/// Written with what a log must not show as it is.
const MAD: &str = "mad \"\n\u{202e}";

const RATE: (&str, &str) = ("DEVICE_RATE", "1");

fn function(store: &AnyStore) -> FunctionRun {
    let variables = store.variables();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).chain([RATE]).collect();
    FunctionRun::new("post-log", &variables)
}

async fn send(function: &FunctionRun, key: &str, body: &Value) -> FunctionAnswer {
    function.invoke(&keyed_event(key, &body.to_string())).await.expect("it answers")
}

/// Five codes of one device, at once.
fn five(device: &str) -> Value {
    json!(vec![record(device, 1, 1); 5])
}

/// Index and code of each error.
fn errors(answer: &FunctionAnswer) -> Vec<(u64, &str)> {
    let errors = answer.body["errors"].as_array().expect("a list");
    errors
        .iter()
        .map(|error| (error["index"].as_u64().expect("a number"), error["code"].as_str().expect("text")))
        .collect()
}

/// 429, with how long to wait.
fn assert_has_to_wait(answer: &FunctionAnswer) {
    assert_eq!((answer.status, &answer.body["status"]), (429, &json!(429)), "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let seconds: u64 = answer.headers["retry-after"].as_str().and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=241).contains(&seconds), "{seconds}");
    let detail = answer.body["detail"].as_str().expect("a sentence");
    assert!(detail.ends_with(&format!("too much; send the batch again in {seconds} s")), "{detail}");
}

async fn a_device_over_its_rate_has_to_wait_and_the_others_of_a_batch_do_not(store: AnyStore) {
    let function = function(&store);
    assert_eq!(function.send(&five(MAD).to_string()).await.status, 200);

    let alone = function.send(&record(MAD, 1, 1).to_string()).await;
    assert_has_to_wait(&alone);
    assert_eq!(alone.body.get("errors"), None);
    assert_has_to_wait(&function.send(&json!([7, record(MAD, 1, 1)]).to_string()).await);
    assert_eq!(store.count().await, 5);

    let mixed = json!([record(MAD, 1, 1), 7, record("good", 2, 2), record(MAD, 1, 1)]);
    let mixed = function.send(&mixed.to_string()).await;
    assert_eq!((mixed.status, &mixed.body["accepted"], &mixed.body["rejected"]), (200, &json!(1), &json!(3)));
    assert_eq!(errors(&mixed), [(0, "throttled"), (1, "not_an_object"), (3, "throttled")]);
    assert_eq!(mixed.body["errors"][0]["field"], "deviceID");
    assert_eq!(function.send(&record("good too", 1, 1).to_string()).await.status, 200);
    assert_eq!(store.count().await, 7);

    let log = function.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("a device is over its rate")).collect();
    let [line] = lines[..] else { panic!("one line a minute: {log}") };
    let line: Value = serde_json::from_str(line).expect("each line is JSON");
    assert_eq!(line["device_id"], r#"mad \"\n\u{202e}"#);
    let metrics: Vec<Value> = log.lines().filter(|line| line.contains("_aws")).flat_map(serde_json::from_str).collect();
    let of = |name: &str| metrics.iter().filter_map(|metric| metric[name].as_u64()).collect::<Vec<_>>();
    assert_eq!(of("Throttled"), [0, 1, 1, 2, 0]);
    assert_eq!(of("CodesOfLargestDevice"), [5, 1, 1]);
    assert_eq!(of("Rejected").iter().sum::<u64>(), 1, "nothing is wrong with a record that is throttled");
}

async fn with_a_key_a_batch_is_stored_whole_or_not_at_all(store: AnyStore) {
    let function = function(&store);
    assert_eq!(send(&function, "first", &five(MAD)).await.status, 200);
    let mixed = json!([record("good", 1, 1), record(MAD, 1, 1), 7]);
    let refused = send(&function, "mixed", &mixed).await;
    assert_has_to_wait(&refused);
    assert_eq!(errors(&refused), [(1, "throttled"), (2, "not_an_object")]);
    assert_eq!(store.count().await, 5);
    // Another environment, which knows nothing of this device.
    let stored = send(&self::function(&store), "mixed", &mixed).await;
    assert_eq!((stored.status, &stored.body["duplicate"]), (200, &json!(false)), "the key is not used up");
    assert_eq!(store.count().await, 7);
}

async fn a_retry_of_a_batch_that_was_stored_is_a_duplicate_however_much_its_device_sends(store: AnyStore) {
    let function = function(&store);
    for duplicate in [false, true, true] {
        let answer = send(&function, "key", &five(MAD)).await;
        assert_eq!((answer.status, &answer.body["duplicate"]), (200, &json!(duplicate)));
        assert_eq!(answer.body["accepted"], 5);
    }
    assert_has_to_wait(&send(&function, "another-key", &five(MAD)).await);
    let other = send(&function, "key", &record(MAD, 1, 1)).await;
    assert_eq!(other.status, 422, "another batch under a used key is a bug of the client, and waiting does not help");
    assert_eq!(store.count().await, 5);
}

async fn with_a_queue_a_retry_over_the_rate_waits_and_is_stored_once(store: AnyStore) {
    let queued = Queued::start_with(Moto::start().await, &[RATE]).await;
    let (status, _) = queued.send(Some("key"), &five(MAD).to_string()).await;
    assert_eq!(status, 202, "{}", queued.post_log.log());
    for (key, body, expected) in [
        (Some("key"), five(MAD), 429),
        (None, five(MAD), 429),
        (Some("mixed"), json!([record("good", 1, 1), record(MAD, 1, 1)]), 429),
        (Some("good"), record("good", 1, 1), 202),
        (None, json!([record("good", 1, 1), record(MAD, 1, 1)]), 202),
    ] {
        assert_eq!(queued.send(key, &body.to_string()).await.0, expected, "{key:?}");
    }
    assert_eq!(store_messages(&store, &queued.receive().await).await, 0);
    assert_eq!(store.count().await, 7);
}

#[tokio::test]
async fn a_rate_that_is_none_ends_the_start() {
    let variables = [("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db"), ("DEVICE_RATE", "many")];
    let function = FunctionRun::new("post-log", &variables);
    function.invoke(&event()).await.expect_err("it ends");
    let log = function.log();
    assert!(log.lines().count() == 1 && log.contains("DEVICE_RATE cannot be used"), "{log}");
}
