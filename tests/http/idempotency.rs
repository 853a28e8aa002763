//! A batch with an `Idempotency-Key` is stored once, however often it is sent and whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Executor, Row};

use crate::harness::{
    AnyStore, Cut, Database, FunctionRun, Product, body_event, on_every_store, proxy_before, record, until,
    wait_for_row_lock,
};

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

    /// The status, and the answer without what is different each time.
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
async fn a_key_in_flight_is_waited_for_and_the_answer_is_what_became_of_it() {
    let (post_log, database) = PostLog::on_mysql().await;
    for (outcome, expected, count) in [("ROLLBACK", stored(true), 1), ("COMMIT", stored(false), 2)] {
        post_log.send("key", &one("a")).await;
        // As retention would remove it.
        let mut other = database.connection().await;
        for statement in ["BEGIN", "DELETE FROM Batches WHERE batch_key = 'key'"] {
            other.execute(statement).await.expect("a row can be deleted");
        }
        let end = async {
            wait_for_row_lock(&database).await;
            other.execute(outcome).await.expect("a transaction can be ended");
        };
        let body = one("a");
        let (answer, ()) = tokio::join!(post_log.send("key", &body), end);
        assert_eq!(answer, expected, "{outcome}: {}", post_log.function.log());
        assert_eq!(post_log.count().await, count);
    }
}

#[tokio::test]
async fn a_key_that_stays_in_flight_costs_409_in_time_and_nothing_is_stored() {
    let (post_log, database) = PostLog::on_mysql().await;
    let mut other = database.connection().await;
    let insert = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) \
                  VALUES ('key', REPEAT('x', 32), 1, REPEAT('y', 16), 1)";
    for statement in ["BEGIN", insert] {
        other.execute(statement).await.expect("a row can be inserted");
    }
    let answer = post_log.function.invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (409, &json!("1")), "{}", post_log.function.log());
    assert_eq!(post_log.send("other", &one("a")).await, stored(false), "another key has nothing to wait for");
    other.execute("ROLLBACK").await.expect("a transaction can be ended");
    assert_eq!(post_log.send("key", &one("a")).await, stored(false));
    assert_eq!(post_log.count().await, 2);
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

#[tokio::test]
async fn a_connection_that_is_lost_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    // A statement's text goes out only when it is prepared; what is done is found by what is stored.
    let cuts = [
        Cut::Before("COMMIT"),
        Cut::After("COMMIT"),
        Cut::Before("BEGIN"),
        Cut::After("BEGIN"),
        Cut::Before("INSERT INTO Batches"),
        Cut::After("INSERT INTO Batches"),
        Cut::Before("key-6"),
        Cut::After("key-7"),
        Cut::Before("device-8"),
        Cut::After("device-9"),
    ];
    for (number, cut) in cuts.into_iter().enumerate() {
        // Each on a connection of its own, so that it prepares; the last four on one that has.
        let function = if number < 6 { &self::function(&url) } else { &function };
        proxy.cut(cut);
        let (key, body) = (format!("key-{number}"), one(&format!("device-{number}")));
        assert_eq!(send(function, &[&key], &body).await, stored(false), "{cut:?}: {}", function.log());
        assert!(proxy.has_cut(), "{cut:?}");
        assert_eq!(send(function, &[&key], &body).await, stored(true));
        assert_eq!(database.count().await, i64::try_from(number + 2).expect("small"));
    }
}

#[tokio::test]
async fn a_database_that_is_away_for_a_moment_after_the_commit_is_asked_when_it_is_back() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    for (key, cut) in [("after", Cut::After("COMMIT")), ("before", Cut::Before("COMMIT"))] {
        // More than there are within the second that anybody has: 50, 100 and then 200 ms and more apart.
        proxy.cut_and_turn_away(cut, 9);
        assert_eq!(send(&function, &[key], &one("a")).await, stored(false), "{}", function.log());
        assert!(proxy.has_cut() && proxy.is_open());
        assert_eq!(send(&function, &[key], &one("a")).await, stored(true));
    }
    assert_eq!(database.count().await, 3);
}

#[tokio::test]
async fn a_batch_without_a_key_is_not_sent_to_the_database_again_after_its_answer_was_lost() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(function.send(&one("warm")).await.status, 200);
    for (number, cut) in [Cut::After("lost-0"), Cut::Before("lost-1")].into_iter().enumerate() {
        // The statement is prepared already: the name goes out when it is carried out, and then only.
        proxy.cut(cut);
        let answer = function.send(&one(&format!("lost-{number}"))).await;
        assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{cut:?}");
        assert!(proxy.has_cut());
        assert_eq!(function.log().matches("\"ambiguous\":true").count(), number + 1, "{}", function.log());
        assert_eq!(database.count().await, i64::try_from(2 + number).expect("small"), "{cut:?}");
        assert_eq!(function.send(&one("warm")).await.status, 200);
    }
}

#[tokio::test]
async fn a_lock_that_is_free_after_a_second_costs_nothing() {
    let (post_log, database) = PostLog::on_mysql().await;
    let mut other = database.connection().await;
    let insert = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) \
                  VALUES ('key', REPEAT('x', 32), 1, REPEAT('y', 16), 1)";
    for statement in ["BEGIN", insert] {
        other.execute(statement).await.expect("a row can be inserted");
    }
    let free = async {
        until("the function tries again", async || post_log.function.log().contains("trying again")).await;
        other.execute("ROLLBACK").await.expect("a transaction can be ended");
    };
    let body = one("a");
    let (answer, ()) = tokio::join!(post_log.send("key", &body), free);
    assert_eq!(answer, stored(false), "{}", post_log.function.log());
    assert!(post_log.function.log().contains("1205"), "{}", post_log.function.log());
    assert_eq!(post_log.count().await, 1);
}

#[tokio::test]
async fn a_deadlock_costs_nothing() {
    let (post_log, database) = PostLog::on_mysql().await;
    database.run("CREATE TABLE Ballast (id INT PRIMARY KEY AUTO_INCREMENT, text CHAR(9))").await;
    let rows = vec!["('x')"; 1_000].join(",");
    post_log.send("first", &one("a")).await;
    let mut batches = 1;
    // Whoever is slow meets a lock wait instead, which costs nothing either; then once more.
    until("there is a deadlock", async || {
        batches += 1;
        let key = format!("key-{batches}");
        let mut other = database.connection().await;
        // The one with less to undo has to give way: not this one.
        for statement in
            ["BEGIN", &*format!("INSERT INTO Ballast (text) VALUES {rows}"), "SELECT error_log_id FROM Logs FOR UPDATE"]
        {
            other.execute(statement).await.expect("rows can be locked");
        }
        let cross = async {
            wait_for_row_lock(&database).await;
            // The function has the row of its key, and waits for the end of Logs.
            let sql = format!("SELECT accepted FROM Batches WHERE batch_key = '{key}' FOR UPDATE");
            let _ = other.execute(&*sql).await;
            other.execute("ROLLBACK").await.expect("a transaction can be ended");
        };
        let body = one("a");
        let (answer, ()) = tokio::join!(post_log.send(&key, &body), cross);
        assert_eq!(answer, stored(false), "{}", post_log.function.log());
        post_log.function.log().contains("1213")
    })
    .await;
    assert_eq!(post_log.count().await, batches);
}

#[tokio::test]
async fn a_connection_that_goes_silent_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    for (key, cut) in [("a", Cut::SilenceAfter("COMMIT")), ("b", Cut::SilenceBefore("BEGIN"))] {
        proxy.cut(cut);
        assert_eq!(send(&function, &[key], &one(key)).await, stored(false), "{cut:?}: {}", function.log());
        assert!(proxy.has_cut());
        assert_eq!(send(&function, &[key], &one(key)).await, stored(true));
    }
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_function_that_vanished_in_the_middle_of_a_batch_does_not_keep_its_key() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let idle = function(&database.url);
    assert_eq!(send(&idle, &["idle"], &one("b")).await, stored(false));
    proxy.cut(Cut::SilenceBefore("COMMIT"));
    let answer = function(&url).invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!(answer.status, 503, "nobody knows what became of the commit: {:?}", answer.body);
    // The server still waits for the rest, half a minute.
    let other = function(&database.url);
    assert_eq!(send(&other, &["key"], &one("a")).await.0, 409);
    until("the server has given up", async || send(&other, &["key"], &one("a")).await == stored(false)).await;
    assert_eq!(database.count().await, 2);
    // It closes the connection of who only idled as well, which costs no request.
    let mut connection = database.connection().await;
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    until("only the connection that was used last is left", async || {
        let row = sqlx::raw_sql(sql).fetch_one(&mut connection).await.expect("the server answers");
        row.get::<i64, _>(0) == 1
    })
    .await;
    assert_eq!(send(&idle, &["idle"], &one("b")).await, stored(true));
    assert!(idle.log().contains("the idle connection is dead"), "{}", idle.log());
}

#[tokio::test]
async fn what_became_of_a_commit_is_told_when_the_batch_is_sent_again() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    // Nobody can ask the ledger afterwards.
    proxy.cut_and_turn_away(Cut::After("COMMIT"), u32::MAX);
    let answer = function.invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{:?}", answer.body);
    assert!(function.log().contains("\"ambiguous\":true"), "{}", function.log());
    assert_eq!(send(&self::function(&database.url), &["key"], &one("a")).await, stored(true));
    assert_eq!(database.count().await, 2);
}
