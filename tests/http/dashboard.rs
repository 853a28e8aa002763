//! Dashboards that poll: `as_of`, the cached list, and 304.

use std::cell::Cell;
use std::time::Duration;

use edge::{Handler, Response};
use get_logs::{Cache, GetLogs};
use lambda_http::Request;
use logs_core::clock::Moment;
use logs_core::metrics::Metrics;
use serde_json::{Value, json};
use sqlx::Row;

use crate::harness::{Database, FunctionRun, Product, event, in_time, private_server, record};

const NOW: i64 = 1_764_000_000;

thread_local! {
    /// The time of a test. Each test has its own.
    static TIME: Cell<Moment> = Cell::new(Moment::now());
}

/// Advances both clocks, by milliseconds.
fn wait(monotonic: u64, wall: u64) {
    let time = TIME.get();
    TIME.set(Moment {
        monotonic: time.monotonic + Duration::from_millis(monotonic),
        wall: time.wall + Duration::from_millis(wall),
    });
}

/// With lists that are cached for this many seconds.
fn get_logs(database: &Database, seconds: u64) -> GetLogs {
    let (store, cache) = (database.store(), Cache::new(Duration::from_secs(seconds)));
    GetLogs { store, cache, clock: || TIME.get(), metrics: Metrics::from_environment(&|_| None) }
}

async fn get(function: &GetLogs, if_none_match: &[&str]) -> Response {
    let mut request = Request::default();
    request.extensions_mut().insert(in_time());
    for line in if_none_match {
        request.headers_mut().append("if-none-match", line.parse().expect("a header"));
    }
    function.handle(request).await
}

fn tag(answer: &Response) -> String {
    header(answer, "etag").expect("a list has a tag").to_owned()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

fn body(answer: &Response) -> Value {
    assert_eq!(answer.status(), 200);
    serde_json::from_str(answer.body()).expect("JSON")
}

/// The number of logs in a list.
fn length(answer: &Response) -> usize {
    body(answer)["result"].as_array().expect("result is an array").len()
}

async fn as_of(database: &Database) -> Option<i64> {
    database.store().most_recent(in_time()).await.expect("the database is there").as_of
}

#[tokio::test]
async fn as_of_is_the_newest_log_even_if_it_is_not_in_the_list() {
    let database = Database::migrated().await;
    assert_eq!(as_of(&database).await, None, "there is none");
    database.insert(&json!([record("a", 1, NOW)]), NOW + 5).await;
    assert_eq!(as_of(&database).await, Some(NOW + 5));
    database.insert(&json!([record("late", 1, NOW)]), NOW - 100).await;
    assert_eq!(as_of(&database).await, Some(NOW + 5), "a message of the queue that came out of order");
    database.insert(&json!(vec![record("a", 1, NOW); 10]), NOW).await;
    database.insert(&json!([record("of 2010", 1, 1_262_304_000)]), NOW + 9).await;
    assert_eq!(as_of(&database).await, Some(NOW + 9), "a log that is not among the ten");
    database.run("DELETE FROM Logs WHERE device_id = 'of 2010'").await;
    assert_eq!(as_of(&database).await, Some(NOW + 5), "and is gone");
}

#[tokio::test]
async fn a_thousand_dashboards_within_a_second_cost_one_query() {
    // On a separate server, because the counter is the server's.
    let (server, database, _folder) = private_server(&[]).await;
    let mut connection = database.connection().await;
    let mut questions = async || {
        let row = sqlx::raw_sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'").fetch_one(&mut connection).await;
        row.expect("the status can be read").get::<String, _>(1).parse::<u64>().expect("a number")
    };
    let function = get_logs(&database, 1);
    let before = questions().await;
    for _ in 0..1000 {
        assert_eq!(length(&get(&function, &[]).await), 0);
    }
    assert_eq!(questions().await - before, 1);
    wait(1000, 1000);
    get(&function, &[]).await;
    assert_eq!(questions().await - before, 2);
    server.stop().await;
}

#[tokio::test]
async fn a_cached_list_expires_by_either_clock() {
    let database = Database::migrated().await;
    let function = get_logs(&database, 2);
    for (seen, monotonic, wall) in [(0, 2_000, 2_000), (1, 0, 3_600_000), (2, 2_000, 0), (3, 2_001, 2_001)] {
        assert_eq!(length(&get(&function, &[]).await), seen);
        database.insert(&json!([record("a", 1, 1)]), NOW).await;
        assert_eq!(length(&get(&function, &[]).await), seen, "it is kept");
        wait(monotonic, wall);
    }
    assert_eq!(length(&get(&function, &[]).await), 4);
}

#[tokio::test]
async fn without_a_cache_every_dashboard_sees_what_is_stored_now() {
    let database = Database::migrated().await;
    let function = get_logs(&database, 0);
    for seen in 0..3 {
        let answer = get(&function, &[]).await;
        assert_eq!((length(&answer), header(&answer, "cache-control")), (seen, Some("no-cache")));
        database.insert(&json!([record("a", 1, 1)]), NOW).await;
    }
}

#[tokio::test]
async fn who_has_the_list_gets_304_until_it_changes() {
    let database = Database::migrated().await;
    for (seconds, control) in [(0, "no-cache"), (2, "private, max-age=2")] {
        let function = get_logs(&database, seconds);
        let first = get(&function, &[]).await;
        let same = get(&function, &["\"other\"", &format!("W/{}", tag(&first))]).await;
        assert_eq!((same.status().as_u16(), &**same.body(), header(&same, "content-type")), (304, "", None));
        for name in ["etag", "cache-control", "access-control-expose-headers"] {
            assert!(header(&same, name).is_some() && header(&same, name) == header(&first, name), "{name}");
        }
        assert_eq!(header(&same, "cache-control"), Some(control));
        assert_eq!(get(&function, &["*"]).await.status(), 304);
        for wrong in ["", "*, *", "\"", &tag(&first)[1..], "W/", "\"ü", &"\"a\",".repeat(2000)] {
            assert_eq!(body(&get(&function, &[wrong]).await), body(&first), "{wrong}");
        }
        database.insert(&json!([record("a", 1, 1)]), NOW).await;
        wait(2_000, 2_000);
        let changed = get(&function, &[&tag(&first)]).await;
        assert_eq!(length(&changed), length(&first) + 1);
        assert_ne!(tag(&changed), tag(&first));
        assert_eq!(get(&function, &[&tag(&changed)]).await.status(), 304);
    }
}

#[tokio::test]
async fn another_as_of_means_another_etag() {
    let database = Database::migrated().await;
    database.insert(&json!(vec![record("a", 1, NOW); 10]), NOW).await;
    let function = get_logs(&database, 0);
    let first = get(&function, &[]).await;
    assert_eq!(tag(&get(&get_logs(&database, 1), &[]).await), tag(&first), "the same in each environment");
    database.insert(&json!([record("of 2010", 1, 1_262_304_000)]), NOW + 1).await;
    let second = get(&function, &[&tag(&first)]).await;
    assert_eq!(body(&second)["result"], body(&first)["result"]);
    assert_eq!(body(&second)["as_of"], NOW + 1);
    assert_ne!(tag(&second), tag(&first));
}

#[tokio::test]
async fn an_error_is_not_cached() {
    let database = Database::migrated().await;
    let function = get_logs(&database, 60);
    database.run("RENAME TABLE Logs TO Elsewhere").await;
    let away = get(&function, &["*"]).await;
    assert_eq!((away.status().as_u16(), header(&away, "etag"), header(&away, "cache-control")), (503, None, None));
    database.run("RENAME TABLE Elsewhere TO Logs").await;
    assert_eq!(length(&get(&function, &[]).await), 0);
    database.run("RENAME TABLE Logs TO Elsewhere").await;
    assert_eq!(length(&get(&function, &[]).await), 0, "the list is kept");
    wait(60_000, 60_000);
    assert_eq!(get(&function, &[]).await.status(), 503, "and not for longer than it may be");
}

#[tokio::test]
async fn if_none_match_reaches_the_function_however_it_is_written() {
    let database = Database::migrated().await;
    let function = FunctionRun::new("get-logs", &[("DATABASE_URL", &database.url)]);
    let tag = function.invoke(&event()).await.expect("it answers").headers["etag"].clone();
    for (single, multiple, status) in [
        (json!({ "If-None-Match": tag }), json!(null), 304),
        (json!({ "if-none-match": "\"a\"" }), json!({ "IF-NONE-MATCH": [tag, "\"a\""] }), 304),
        (json!({ "if-none-match": tag }), json!({ "if-none-match": ["\"a\""] }), 200),
        (json!(null), json!({ "If-None-Match": ["\"a\"", tag] }), 304),
        (json!({ "If-Match": tag, "idempotency-key": tag }), json!({}), 200),
    ] {
        let mut event = event();
        event["headers"] = single;
        event["multiValueHeaders"] = multiple;
        let answer = function.invoke(&event).await.expect("it answers");
        assert_eq!(answer.status, status, "{event}");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn an_invalid_cache_seconds_ends_the_start() {
    for value in ["-1", "61", "1.5", "a second", ""] {
        let variables = [("DATABASE_URL", "mysql://user:s3cret@127.0.0.1/db"), ("CACHE_SECONDS", value)];
        let function = FunctionRun::new("get-logs", &variables);
        function.invoke(&event()).await.expect_err("it ends");
        let log = function.log();
        assert!(log.lines().count() == 1 && log.contains("CACHE_SECONDS cannot be used"), "{log}");
    }
}

#[tokio::test]
async fn the_gateway_passes_304_on_without_a_body() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let endpoint = &product.endpoints.get;
    let request = || product.client.get(&endpoint.url).header("x-api-key", &endpoint.api_key);
    let first = request().send().await.expect("an answer");
    assert_eq!((first.status().as_u16(), &first.headers()["cache-control"] == "no-cache"), (200, true));
    let tag = first.headers()["etag"].to_str().expect("text").to_owned();
    assert_eq!(first.text().await.expect("a body"), r#"{"result":[],"as_of":null}"#);
    let lines = request().header("if-none-match", "\"a\"").header("if-none-match", &tag);
    let same = lines.send().await.expect("an answer");
    assert_eq!(same.status(), 304);
    for (name, value) in
        [("etag", &*tag), ("access-control-allow-origin", "*"), ("access-control-expose-headers", "etag")]
    {
        assert_eq!(same.headers()[name], value);
    }
    for name in ["content-type", "content-length"] {
        assert!(same.headers().get(name).is_none(), "{name} would be that of the list");
    }
    assert_eq!(same.text().await.expect("no body"), "");
    assert_eq!(product.list().await.len(), 0, "the connection is in order");
}

#[tokio::test]
async fn up_passes_on_the_cache_time() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--cache", "60"]).await;
    assert_eq!(product.list().await.len(), 0);
    assert_eq!(product.post(record("a", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    assert_eq!((product.list().await.len(), database.count().await), (0, 1));
}
