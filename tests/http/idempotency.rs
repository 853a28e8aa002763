//! A batch with an `Idempotency-Key` is stored once, however often it is sent and whatever fails in between.

mod locks;
mod lost_connections;

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{AnyStore, Database, FunctionRun, Product, body_event, on_every_store, record};

on_every_store!(
    the_same_key_and_batch_give_the_first_answer_again_and_store_nothing,
    another_key_stores_the_same_batch_again_and_so_does_none,
    another_batch_under_a_used_key_is_refused_and_the_first_one_stays,
    a_malformed_key_is_refused_and_nothing_is_stored,
    a_refused_batch_does_not_use_up_its_key,
);

const TIMEOUT: Duration = Duration::from_secs(6);

fn keyed(keys: &[&str], body: &str) -> Value {
    let mut event = body_event(body);
    event["headers"]["idempotency-Key"] = keys.last().copied().into();
    event["multiValueHeaders"]["idempotency-Key"] = keys.into();
    event
}

/// A function, and the store that it writes into.
struct PostLog {
    store: AnyStore,
    function: FunctionRun,
}

impl PostLog {
    fn start(store: AnyStore) -> Self {
        Self { function: store.function_with("post-log", TIMEOUT), store }
    }

    async fn on_mysql() -> (Self, Database) {
        let database = Database::migrated().await;
        let same = Database { url: database.url.clone() };
        (Self::start(AnyStore::MySql(database)), same)
    }

    /// The status, and the response without its request id.
    async fn send(&self, key: &str, body: &str) -> (u16, Value) {
        send(&self.function, &[key], body).await
    }

    async fn count(&self) -> i64 {
        self.store.count().await
    }
}

fn function(url: &str) -> FunctionRun {
    FunctionRun::with_timeout("post-log", &[("DATABASE_URL", url)], TIMEOUT)
}

async fn send(function: &FunctionRun, keys: &[&str], body: &str) -> (u16, Value) {
    let mut answer = function.invoke(&keyed(keys, body)).await.expect("it answers");
    answer.body.as_object_mut().expect("an object").remove("request_id");
    (answer.status, answer.body)
}

fn stored(duplicate: bool) -> (u16, Value) {
    (200, json!({ "accepted": 1, "rejected": 0, "duplicate": duplicate, "errors": [] }))
}

fn one(device: &str) -> String {
    record(device, 1, 1).to_string()
}

async fn the_same_key_and_batch_give_the_first_answer_again_and_store_nothing(store: AnyStore) {
    let post_log = PostLog::start(store);
    let body = json!([record("a", 1, 1), { "deviceID": "b", "err": "x", "timestamp": 1 }, record("c", 1, 1)]);
    let (status, first) = post_log.send("key", &body.to_string()).await;
    assert_eq!((status, &first["accepted"], &first["duplicate"]), (200, &json!(2), &json!(false)));
    assert_eq!(first["errors"][0]["code"], "not_an_integer");
    let mut expected = first.clone();
    expected["duplicate"] = json!(true);
    let with_spaces = serde_json::to_string_pretty(&json!({ "payload": body })).expect("JSON");
    for again in [body.to_string(), with_spaces] {
        assert_eq!(post_log.send("key", &again).await, (200, expected.clone()));
    }
    assert_eq!(post_log.count().await, 2);
}

async fn another_key_stores_the_same_batch_again_and_so_does_none(store: AnyStore) {
    let post_log = PostLog::start(store);
    for key in ["key", "Key", "other"] {
        assert_eq!(post_log.send(key, &one("a")).await, stored(false));
    }
    for _ in 0..2 {
        assert_eq!(post_log.function.send(&one("a")).await.body["duplicate"], false);
    }
    assert_eq!(post_log.count().await, 5);
}

async fn another_batch_under_a_used_key_is_refused_and_the_first_one_stays(store: AnyStore) {
    let post_log = PostLog::start(store);
    assert_eq!(post_log.send("key", &one("a")).await, stored(false));
    let (status, problem) = post_log.send("key", &one("b")).await;
    assert_eq!((status, &problem["title"]), (422, &json!("Unprocessable Entity")));
    assert_eq!(post_log.send("key", &one("a")).await, stored(true));
    assert_eq!(post_log.count().await, 1);
}

async fn a_malformed_key_is_refused_and_nothing_is_stored(store: AnyStore) {
    let post_log = PostLog::start(store);
    for keys in [&[""][..], &["a b"], &[" a"], &["cl\u{e9}"], &["\u{1f511}"], &[&"k".repeat(65)], &["a", "b"]] {
        let (status, problem) = send(&post_log.function, keys, &one("a")).await;
        assert_eq!(status, 400, "{keys:?}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Idempotency-Key")), "{problem}");
    }
    assert_eq!(post_log.count().await, 0);
    for length in [1, 64] {
        assert_eq!(post_log.send(&"k".repeat(length), &one("a")).await, stored(false));
    }
}

#[tokio::test]
async fn a_malformed_key_is_refused_behind_the_gateway_as_well() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let send = async |keys: &[&[u8]]| {
        let request = keys.iter().fold(product.post(one("a")), |request, key| request.header("Idempotency-Key", *key));
        request.send().await.expect("an answer").status().as_u16()
    };
    for keys in
        [&[&b""[..]][..], &[b"a b"], &["clé".as_bytes()], &[b"\xff"], &[&[b'k'; 65]], &[b"a", b"b"], &[b"a", b"a"]]
    {
        assert_eq!(send(keys).await, 400, "{keys:?}");
    }
    assert_eq!(database.count().await, 0);
    assert_eq!(send(&[&[b'k'; 64]]).await, 200);
}

async fn a_refused_batch_does_not_use_up_its_key(store: AnyStore) {
    let post_log = PostLog::start(store);
    assert_eq!(post_log.send("key", "[{}]").await.0, 400);
    assert_eq!(post_log.send("key", &one("a")).await, stored(false));
}

#[tokio::test]
async fn fifty_requests_at_once_with_one_key_store_one_batch() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--concurrency", "50"]).await;
    let batch = json!((0..10).map(|number| record("a", number, 1)).collect::<Vec<_>>()).to_string();
    let requests: Vec<_> =
        (0..50).map(|_| tokio::spawn(product.post(batch.clone()).header("Idempotency-Key", "one").send())).collect();
    let mut first = 0;
    for request in requests {
        let answer = request.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200);
        let receipt: Value = answer.json().await.expect("JSON");
        assert_eq!(receipt["accepted"], 10);
        first += u32::from(receipt["duplicate"] == false);
    }
    assert_eq!((first, database.count().await), (1, 10));
}

#[tokio::test]
async fn a_batch_that_the_server_refuses_leaves_no_trace_in_the_ledger() {
    let (post_log, database) = PostLog::on_mysql().await;
    database.run("ALTER TABLE Logs ADD CONSTRAINT only_ones CHECK (error_number = 1)").await;
    let body = json!([record("a", 1, 1), record("b", 2, 1)]).to_string();
    assert_eq!(post_log.send("key", &body).await.0, 503);
    database.run("ALTER TABLE Logs DROP CONSTRAINT only_ones").await;
    let (status, receipt) = post_log.send("key", &body).await;
    assert_eq!((status, &receipt["duplicate"]), (200, &json!(false)));
    assert_eq!(post_log.count().await, 2);
}
