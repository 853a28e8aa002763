//! The gateways around the real functions: keys, paths, sizes, compression, throttles, crashes.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::harness::{Database, Product, gzip, is_running, record, until, wait_for_blocked_statements};

async fn problem(response: Response, status: u16) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let id = response.headers()["x-amzn-requestid"].to_str().expect("an id is text").to_owned();
    let body: Value = response.json().await.expect("a problem is JSON");
    assert_eq!((&body["status"], &body["request_id"]), (&json!(status), &json!(id)));
    assert_eq!(body["type"], "about:blank");
    assert!(body["title"].is_string() && body["detail"].is_string());
    body
}

#[tokio::test]
async fn a_code_posted_by_a_device_is_listed_for_dashboards() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let answer =
        product.post(record("any_device_token", 107, 1_514_864_773).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let id = answer.headers()["x-amzn-requestid"].to_str().expect("text").to_owned();
    let receipt: Value = answer.json().await.expect("JSON");
    assert_eq!(receipt, json!({ "accepted": 1, "rejected": 0, "duplicate": false, "errors": [], "request_id": id }));
    let listed = product.list().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["device_id"], &listed[0]["error_code"]), (&json!("any_device_token"), &json!(107)));
}

#[tokio::test]
async fn each_api_accepts_only_its_own_key() {
    let product = Product::start(&Database::migrated().await).await;
    let (post, get) = (&product.endpoints.post, &product.endpoints.get);
    let longer = format!("{}x", post.api_key);
    for (method, url, keys) in [
        (Method::POST, &post.url, [None, Some(""), Some("wrong"), Some(&*get.api_key), Some(&*longer)]),
        (Method::GET, &get.url, [None, Some(""), Some("wrong"), Some(&*post.api_key), Some("null")]),
    ] {
        for key in keys {
            problem(product.request(method.clone(), url, key).await, 403).await;
        }
    }
}

#[tokio::test]
async fn any_other_path_or_method_is_not_found() {
    let product = Product::start(&Database::migrated().await).await;
    let (url, key) = (&product.endpoints.post.url, &product.endpoints.post.api_key);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let response = product.request(method.clone(), url, Some(key)).await;
        assert_eq!(response.status(), 404, "{method}");
    }
    for path in ["", "/", "/logs/", "/logs/1", "/Logs", "/%6cogs"] {
        let url = url.replace("/logs", path);
        let response = product.request(Method::POST, &url, Some(key)).await;
        problem(response, 404).await;
    }
}

#[tokio::test]
async fn a_preflight_needs_no_key() {
    let product = Product::start(&Database::migrated().await).await;
    for (url, method) in [(&product.endpoints.post.url, "POST"), (&product.endpoints.get.url, "GET")] {
        let answer = product.request(Method::OPTIONS, url, None).await;
        assert_eq!(answer.status(), 204);
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-headers"), "x-api-key,content-type,idempotency-key");
        assert!(header("access-control-allow-methods").contains(method));
    }
}

#[tokio::test]
async fn compressed_bodies_are_decompressed_and_broken_ones_are_refused() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let body = json!([record("a", 1, 1), record("b", 2, 2)]).to_string();
    let packed =
        product.post(gzip(body.as_bytes())).header("content-encoding", "gzip").send().await.expect("an answer");
    assert_eq!(packed.status(), 200);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(body.as_bytes()).expect("memory can be written");
    let zlib = zlib.finish().expect("memory can be written");
    let packed = product.post(zlib).header("content-encoding", "deflate").send().await.expect("an answer");
    assert_eq!(packed.status(), 200);
    assert_eq!(database.count().await, 4);

    let truncated = gzip(body.as_bytes())[..20].to_vec();
    for (body, encoding) in [(body.clone().into_bytes(), "gzip"), (truncated, "gzip"), (body.into_bytes(), "br")] {
        let refused = product.post(body).header("content-encoding", encoding).send().await.expect("an answer");
        assert!(problem(refused, 400).await["detail"].as_str().is_some_and(|text| text.contains("Content-Encoding")));
    }
    assert_eq!(database.count().await, 4);
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused_compressed_or_not() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let record = record("a", 1, 1).to_string();
    let exactly = " ".repeat((1 << 20) - record.len()) + &record;
    assert_eq!(product.post(exactly.clone()).send().await.expect("an answer").status(), 200);
    problem(product.post(exactly.clone() + " ").send().await.expect("an answer"), 413).await;
    let packed = product.post(gzip((exactly + " ").as_bytes())).header("content-encoding", "gzip");
    problem(packed.send().await.expect("an answer"), 413).await;
    problem(product.post(vec![b' '; 5 << 20]).send().await.expect("an answer"), 413).await;
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_decompression_bomb_is_refused_at_the_size_limit() {
    let product = Product::start(&Database::migrated().await).await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let megabyte = vec![b' '; 1 << 20];
    for _ in 0..1024 {
        packed.write_all(&megabyte).expect("memory can be written");
    }
    let bomb = packed.finish().expect("memory can be written");
    assert!(bomb.len() <= 1 << 20, "it would be refused for its own size");
    let refused = product.post(bomb).header("content-encoding", "gzip").send().await.expect("an answer");
    problem(refused, 413).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", product.process_id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel counts");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 200 << 10, "{kilobytes} kB");
}

#[tokio::test]
async fn a_body_that_is_not_utf8_reaches_the_function_as_it_is() {
    let product = Product::start(&Database::migrated().await).await;
    let refused = product.post(b"[{\"deviceID\":\"\xff\xfe\"}]".to_vec()).send().await.expect("an answer");
    assert!(problem(refused, 400).await["detail"].as_str().is_some_and(|text| text.contains("UTF-8: byte 14")));
}

#[tokio::test]
async fn a_header_that_is_not_text_does_not_stop_a_batch() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let odd = reqwest::header::HeaderValue::from_bytes(b"caf\xe9").expect("bytes are allowed");
    let request = product.post(record("a", 1, 1).to_string()).header("x-firmware", odd).header("host", "a_b:9999");
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn an_invalid_host_is_refused_as_aws_does() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    for host in ["a b", "[", "a/b", "a/", "a?b", "a?", "a#b", "a#", "a\\b", "user@a", "@a", "a:99999", "%zz"] {
        let request =
            product.post(record("a", 1, 1).to_string()).header("host", host).header("x-forwarded-proto", "::");
        assert_eq!(request.send().await.expect("a response").status(), 400, "{host}");
    }
    let request = product.post(record("a", 1, 1).to_string()).header("x-forwarded-proto", "::");
    assert_eq!(request.send().await.expect("a response").status(), 200);
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_spent_usage_plan_answers_429_and_says_when_to_come_back() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--rate", "1", "--burst", "3"]).await;
    // Ten at once are more than a burst of three and what a second or two bring, however slow the machine is.
    let requests: Vec<_> = (0..10).map(|_| tokio::spawn(product.post("[]").send())).collect();
    let mut refused = Vec::new();
    for request in requests {
        let answer = request.await.expect("no panic").expect("an answer");
        if answer.status() == 429 {
            refused.push(answer);
        } else {
            assert_eq!(answer.status(), 400);
        }
    }
    let refused = refused.pop().expect("the plan is spent");
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(refused, 429).await;
}

#[tokio::test]
async fn more_requests_at_once_than_environments_cost_502_with_a_wait_and_the_rest_is_answered() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--concurrency", "2"]).await;
    let mut blocker = database.connection().await;
    sqlx::raw_sql("LOCK TABLES Logs WRITE").execute(&mut blocker).await.expect("a table can be locked");
    // Two wait for the lock; a third finds no environment.
    let waiting: Vec<_> = (0..2)
        .map(|number| {
            let request = product.post(record("waits", number, 1).to_string());
            tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
        })
        .collect();
    wait_for_blocked_statements(&database, 2).await;
    let throttled = product.post("[]").send().await.expect("an answer");
    assert_eq!(throttled.headers()["retry-after"], "1");
    problem(throttled, 502).await;
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut blocker).await.expect("a table can be unlocked");
    for answer in waiting {
        assert_eq!(answer.await.expect("no panic"), 200);
    }
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn fifty_devices_at_once_are_served_by_several_environments() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--concurrency", "50"]).await;
    let posts: Vec<_> = (0..50)
        .map(|number| {
            let request = product.post(record("many", number, 1).to_string());
            tokio::spawn(async move { request.send().await.expect("an answer").status().as_u16() })
        })
        .collect();
    for post in posts {
        assert_eq!(post.await.expect("no panic"), 200);
    }
    assert_eq!(database.count().await, 50);
    assert!(product.children().len() > 2);
}

#[tokio::test]
async fn a_killed_environment_costs_at_most_its_own_request() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    assert_eq!(product.post(record("a", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    // Idle ones: nobody notices, not even who comes in the very next moment.
    for _ in 0..20 {
        for id in product.children() {
            // One of the last round may be gone by now.
            let _ = kill(Pid::from_raw(id.try_into().expect("small")), Signal::SIGKILL);
        }
        assert_eq!(product.post(record("b", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    }
    // A busy one: its caller gets a 502, the next caller an answer.
    let mut blocker = database.connection().await;
    sqlx::raw_sql("LOCK TABLES Logs WRITE").execute(&mut blocker).await.expect("a table can be locked");
    let request = product.post(record("c", 1, 1).to_string());
    let waiting = tokio::spawn(async move { request.send().await.expect("an answer") });
    wait_for_blocked_statements(&database, 1).await;
    kill_children(&product).await;
    problem(waiting.await.expect("no panic"), 502).await;
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut blocker).await.expect("a table can be unlocked");
    assert_eq!(product.post(record("d", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn an_environment_that_does_not_answer_is_replaced_and_its_caller_gets_504() {
    let database = Database::migrated().await;
    let product = Product::start_with_arguments(&database, &["--timeout", "2", "--concurrency", "1"]).await;
    for id in product.children() {
        kill(Pid::from_raw(id.try_into().expect("small")), Signal::SIGSTOP).expect("our own child can be stopped");
    }
    problem(product.post(record("a", 1, 1).to_string()).send().await.expect("an answer"), 504).await;
    assert_eq!(product.post(record("b", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
}

async fn kill_children(product: &Product) {
    for id in product.children() {
        kill(Pid::from_raw(id.try_into().expect("small")), Signal::SIGKILL).expect("our own child can be killed");
        until("the function is gone", async || !is_running(id)).await;
    }
}
