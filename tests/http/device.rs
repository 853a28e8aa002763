//! `examples/send-batch`, the device that keeps the rules of docs/devices.md, against a gateway that fails on purpose.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::harness::{Database, Product, record, temporary_folder, until};

/// The fate of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The gateway's own response with this status. Retry-After is 1.
    Refused(u16),
    /// A status and a page from another server, such as a proxy. Retry-After is 0.
    Foreign(u16),
    /// 503, and Retry-After says ten minutes.
    MuchLater,
    /// No response at all.
    Silence,
    /// The function stores the batch, and the response is cut off in the middle.
    AnswerLost,
    /// The real response.
    Passed,
}

struct Gateway {
    url: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

/// A request, as the gateway received it.
#[derive(Clone)]
struct Arrival {
    at: Instant,
    key: String,
    body: Bytes,
}

#[derive(Clone)]
struct Script {
    fates: Arc<Mutex<VecDeque<Fate>>>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    post: String,
    client: reqwest::Client,
}

impl Gateway {
    /// Starts it before the real gateway. After the last fate, all requests pass.
    async fn before(product: &Product, fates: &[Fate]) -> Self {
        let arrivals = Arc::default();
        let script = Script {
            fates: Arc::new(Mutex::new(fates.iter().copied().collect())),
            arrivals: Arc::clone(&arrivals),
            post: product.endpoints.post.url.clone(),
            client: product.client.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        let url = format!("http://{}/logs", listener.local_addr().expect("it has an address"));
        let router = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, arrivals }
    }

    fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().expect("nobody panics here").clone()
    }

    fn keys(&self) -> Vec<String> {
        self.arrivals().into_iter().map(|arrival| arrival.key).collect()
    }
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let key = headers["idempotency-key"].to_str().expect("a key is text").to_owned();
    let arrival = Arrival { at: Instant::now(), key, body: body.clone() };
    script.arrivals.lock().expect("nobody panics here").push(arrival);
    let fate = script.fates.lock().expect("nobody panics here").pop_front().unwrap_or(Fate::Passed);
    let refused = match fate {
        Fate::Refused(status) => Some((status, "1")),
        Fate::Foreign(status) => Some((status, "0")),
        Fate::MuchLater => Some((503, "600")),
        Fate::Silence => std::future::pending().await,
        Fate::AnswerLost | Fate::Passed => None,
    };
    if let Some((status, after)) = refused {
        let answer = Response::builder().status(status).header("retry-after", after).header("location", "/login");
        return answer.body(Body::from("refused on purpose")).expect("a response can be built");
    }
    let mut request = script.client.post(&script.post).body(body);
    for name in ["x-api-key", "idempotency-key"] {
        request = request.header(name, headers[name].as_bytes());
    }
    let real = request.send().await.expect("the real gateway answers");
    let status = real.status().as_u16();
    let bytes = real.bytes().await.expect("an answer has a body");
    let length = bytes.len();
    let sent = if matches!(fate, Fate::AnswerLost) { bytes.slice(..length / 2) } else { bytes };
    // The cut body has an unknown length, so the header states the full one: the server hangs up when the rest is
    // missing.
    let body = Body::new(Full::new(sent).map_frame(|frame| frame));
    let answer = Response::builder().status(status).header("content-length", length);
    answer.body(body).expect("a response can be built")
}

async fn send_batch(url: &str, api_key: &str, body: &str, variables: &[(&str, &str)]) -> Output {
    start(url, api_key, body, variables).await.wait_with_output().await.expect("a child can be waited for")
}

async fn start(url: &str, api_key: &str, body: &str, variables: &[(&str, &str)]) -> Child {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/send-batch"));
    let mut process = Command::new(script)
        .arg(url)
        .env("API_KEY", api_key)
        // It waits only for the time of Retry-After.
        .env("PAUSE", "0")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the script can be started");
    let mut input = process.stdin.take().expect("the input is piped");
    input.write_all(body.as_bytes()).await.expect("the script reads its input");
    drop(input);
    process
}

/// The end of standard error.
fn batch_key(sent: &Output) -> String {
    let said = text(&sent.stderr);
    said.trim_end().rsplit(' ').next().expect("something is said").to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_device_that_keeps_the_rules_loses_and_doubles_nothing() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let fates = [
        Fate::Refused(503),
        Fate::Refused(429),
        Fate::AnswerLost,
        Fate::Refused(502),
        Fate::AnswerLost,
        Fate::Refused(504),
        Fate::Refused(409),
    ];
    let gateway = Gateway::before(&product, &fates).await;
    let sent = send_batch(&gateway.url, &product.endpoints.post.api_key, &record("a", 1, 1).to_string(), &[]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    let answer: Value = serde_json::from_slice(&sent.stdout).expect("the answer is JSON");
    assert_eq!((&answer["accepted"], &answer["duplicate"]), (&1.into(), &true.into()));
    let arrivals = gateway.arrivals();
    assert_eq!(arrivals.len(), fates.len() + 1);
    for (tries, fate) in arrivals.windows(2).zip(fates) {
        assert_eq!((&tries[1].key, &tries[1].body), (&tries[0].key, &tries[0].body));
        let waited = tries[1].at - tries[0].at;
        assert!(fate == Fate::AnswerLost || waited >= Duration::from_secs(1), "{waited:?} after {fate:?}");
    }
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_device_does_not_repeat_rejected_records() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[]).await;
    let body = serde_json::json!([record("a", 1, 1), { "deviceID": "b", "err": "x", "timestamp": 1 }]).to_string();
    let sent = send_batch(&gateway.url, &product.endpoints.post.api_key, &body, &[]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    let answer: Value = serde_json::from_slice(&sent.stdout).expect("the answer is JSON");
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&1.into(), &1.into()));
    assert_eq!((gateway.keys().len(), database.count().await), (1, 1));
}

#[tokio::test]
async fn a_device_waits_retry_after_plus_a_backoff_that_doubles_up_to_a_minute() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[Fate::Refused(503); 7]).await;
    // The random part is the maximum of each pause: this number is one less than a multiple of 3, 5, 9, 17, 33 and 61.
    // Pauses are recorded, not slept.
    let folder = temporary_folder();
    let slept = folder.path().join("slept");
    for (name, script) in [("od", "echo 513314".to_owned()), ("sleep", format!("echo $1 >>{}", slept.display()))] {
        let program = folder.path().join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("the folder can be written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("there is a PATH"));
    let (key, body) = (&product.endpoints.post.api_key, record("a", 1, 1).to_string());
    let sent = send_batch(&gateway.url, key, &body, &[("PATH", &path), ("PAUSE", "2")]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    let slept = std::fs::read_to_string(slept).expect("it slept");
    assert_eq!(slept.lines().collect::<Vec<_>>(), ["3", "5", "9", "17", "33", "61", "61"]);
}

#[tokio::test]
async fn a_device_does_not_repeat_a_batch_that_is_refused_for_good() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[]).await;
    let key = &product.endpoints.post.api_key;
    let sent = send_batch(&gateway.url, key, "[]", &[]).await;
    assert_eq!(sent.status.code(), Some(1), "{}", text(&sent.stdout));
    assert!(text(&sent.stderr).contains("refused with 400"), "{}", text(&sent.stderr));
    assert!(!text(&sent.stderr).contains(key.as_str()));
    assert_eq!(gateway.keys().len(), 1);
}

#[tokio::test]
async fn a_device_keeps_a_batch_that_somebody_else_than_the_service_refuses() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    // Redirects, a login page, timeouts of proxies, and responses that look like a refusal by the service.
    let fates = [301, 302, 307, 308, 401, 408, 425, 400, 413].map(Fate::Foreign);
    let gateway = Gateway::before(&product, &fates).await;
    let body = record("a", 1, 1).to_string();
    let sent = send_batch(&gateway.url, &product.endpoints.post.api_key, &body, &[]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    assert_eq!(gateway.keys().len(), fates.len() + 1, "no redirect was followed");
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_device_with_a_wrong_api_key_or_address_keeps_the_batch_and_says_so() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[Fate::Refused(404)]).await;
    let (key, body) = (product.endpoints.post.api_key.as_str(), record("a", 1, 1).to_string());
    for (api_key, status) in [(key, "404"), ("no-key", "403")] {
        let sent = send_batch(&gateway.url, api_key, &body, &[]).await;
        assert_eq!(sent.status.code(), Some(2), "{}", text(&sent.stdout));
        let said = text(&sent.stderr);
        assert!(said.contains(&format!("refused with {status}: the key of the API or the address is wrong")), "{said}");
        assert!(!said.contains(api_key), "{said}");
        assert_eq!(gateway.keys().last(), Some(&batch_key(&sent)));
    }
    assert_eq!(gateway.keys().len(), 2, "not sent again");
}

#[tokio::test]
async fn a_stopped_device_prints_the_key_for_the_next_try() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let (key, body) = (&product.endpoints.post.api_key, record("a", 1, 1).to_string());
    for (fate, signal) in [(Fate::Silence, Signal::SIGTERM), (Fate::MuchLater, Signal::SIGINT)] {
        let gateway = Gateway::before(&product, &[fate]).await;
        let process = start(&gateway.url, key, &body, &[]).await;
        until("it has sent the batch", async || !gateway.keys().is_empty()).await;
        let id = process.id().and_then(|id| id.try_into().ok()).expect("it runs");
        kill(Pid::from_raw(id), signal).expect("our own child");
        let sent = process.wait_with_output().await.expect("a child can be waited for");
        assert_eq!(sent.status.code(), Some(2), "{}", text(&sent.stderr));
        assert_eq!(gateway.keys(), [batch_key(&sent)]);
    }
}

#[tokio::test]
async fn a_device_that_gives_up_prints_the_key_for_the_next_try() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[Fate::AnswerLost]).await;
    let (key, body) = (&product.endpoints.post.api_key, record("a", 1, 1).to_string());
    let sent = send_batch(&gateway.url, key, &body, &[("TRIES", "1")]).await;
    assert_eq!(sent.status.code(), Some(2), "{}", text(&sent.stdout));
    let sent = send_batch(&gateway.url, key, &body, &[("IDEMPOTENCY_KEY", &batch_key(&sent))]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    assert_eq!(database.count().await, 1);
}
