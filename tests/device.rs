//! `examples/send-batch`, the device that keeps the rules of docs/devices.md, against a gateway that fails on purpose.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::harness::{Database, Product, record};

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// A status of the gateway's own, which the function never sees.
    Refused(u16),
    /// The function has done its work, and the answer is cut off in the middle.
    AnswerLost,
    /// As it should be.
    Passed,
}

struct Gateway {
    url: String,
    keys: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Script {
    fates: Arc<Mutex<VecDeque<Fate>>>,
    keys: Arc<Mutex<Vec<String>>>,
    post: String,
    client: reqwest::Client,
}

impl Gateway {
    /// In front of the real one; after the last fate all is as it should be.
    async fn before(product: &Product, fates: &[Fate]) -> Self {
        let keys = Arc::default();
        let script = Script {
            fates: Arc::new(Mutex::new(fates.iter().copied().collect())),
            keys: Arc::clone(&keys),
            post: product.endpoints.post.url.clone(),
            client: product.client.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        let url = format!("http://{}/logs", listener.local_addr().expect("it has an address"));
        let router = Router::new().fallback(answer).with_state(script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, keys }
    }

    fn keys(&self) -> Vec<String> {
        self.keys.lock().expect("nobody panics here").clone()
    }
}

async fn answer(State(script): State<Script>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let key = headers["idempotency-key"].to_str().expect("a key is text").to_owned();
    script.keys.lock().expect("nobody panics here").push(key);
    let fate = script.fates.lock().expect("nobody panics here").pop_front().unwrap_or(Fate::Passed);
    if let Fate::Refused(status) = fate {
        let answer = Response::builder().status(status).header("retry-after", "1");
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
    // The body no longer says how long it is, so the header does: the server hangs up when the rest never comes.
    let body = Body::new(Full::new(sent).map_frame(|frame| frame));
    let answer = Response::builder().status(status).header("content-length", length);
    answer.body(body).expect("a response can be built")
}

async fn send_batch(url: &str, api_key: &str, body: &str, variables: &[(&str, &str)]) -> Output {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/send-batch"));
    let mut process = Command::new(script)
        .arg(url)
        .env("API_KEY", api_key)
        // Only what Retry-After says is waited for.
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
    process.wait_with_output().await.expect("a child can be waited for")
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
    let keys = gateway.keys();
    assert_eq!(keys.len(), fates.len() + 1);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_device_does_not_repeat_what_is_refused_for_good() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[]).await;
    let key = &product.endpoints.post.api_key;
    for (body, api_key, status) in [("[]", key.as_str(), "400"), ("[1]", "no-key", "403")] {
        let sent = send_batch(&gateway.url, api_key, body, &[]).await;
        assert_eq!(sent.status.code(), Some(1), "{}", text(&sent.stdout));
        assert!(text(&sent.stderr).contains(&format!("refused with {status}")), "{}", text(&sent.stderr));
        assert!(!text(&sent.stderr).contains(key.as_str()));
    }
    assert_eq!(gateway.keys().len(), 2);
}

#[tokio::test]
async fn a_device_that_gives_up_for_now_says_under_which_key_to_go_on() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let gateway = Gateway::before(&product, &[Fate::AnswerLost]).await;
    let (key, body) = (&product.endpoints.post.api_key, record("a", 1, 1).to_string());
    let sent = send_batch(&gateway.url, key, &body, &[("TRIES", "1")]).await;
    assert_eq!(sent.status.code(), Some(2), "{}", text(&sent.stdout));
    let said = text(&sent.stderr);
    let (_, batch_key) = said.trim_end().rsplit_once(' ').expect("the key comes last");
    let sent = send_batch(&gateway.url, key, &body, &[("IDEMPOTENCY_KEY", batch_key)]).await;
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    assert_eq!(database.count().await, 1);
}
