//! A gateway that misbehaves on purpose, in front of a real one. It records every request.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::device_test::scenario::Fate;
use crate::error::LabError;

/// What is wrong with a rejected record.
const WRONG: &str = "out_of_range";

/// The target of redirects.
const LOGIN: &str = "/login";

/// A recorded request, and its fate.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) key: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) fate: Fate,
}

/// The state that the requests of one scenario share.
struct Script {
    fates: Mutex<VecDeque<Fate>>,
    arrivals: Mutex<Vec<Arrival>>,
    was_followed: AtomicBool,
    /// Notified when the client is to be killed.
    kill: Notify,
    /// The duration of [`Fate::Slow`].
    slow: Duration,
    client: reqwest::Client,
    service: String,
}

/// Listens until it is dropped.
pub(crate) struct MisbehavingGateway {
    pub(crate) url: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl MisbehavingGateway {
    /// `service` is the URL of the real gateway. A slow response takes `slow`.
    pub(crate) async fn start(service: &str, fates: &[Fate], slow: Duration) -> Result<Self, LabError> {
        let script = Arc::new(Script {
            fates: Mutex::new(fates.iter().copied().collect()),
            arrivals: Mutex::default(),
            was_followed: AtomicBool::default(),
            kill: Notify::new(),
            slow,
            client: reqwest::Client::builder().no_proxy().build()?,
            service: service.to_owned(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/logs", listener.local_addr()?);
        let router = Router::new().fallback(respond).with_state(Arc::clone(&script));
        let task = tokio::spawn(async move {
            // Ends only with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, script, task })
    }

    /// All requests so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.script.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on every request passes.
    pub(crate) fn behave(&self) {
        self.script.fates.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether a client followed a redirect.
    pub(crate) fn was_followed(&self) -> bool {
        self.script.was_followed.load(Ordering::Relaxed)
    }

    /// Waits until the client is to be killed.
    pub(crate) async fn kill(&self) {
        self.script.kill.notified().await;
    }
}

impl Drop for MisbehavingGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(State(script): State<Arc<Script>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    if uri.path() == LOGIN {
        script.was_followed.store(true, Ordering::Relaxed);
        return foreign(200);
    }
    let fate = script.fates.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fate::Passed);
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let arrival = Arrival { at: Instant::now(), key, body: body.clone(), fate };
    script.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
    let response = if fate.reaches_the_service() { forward(&script, &headers, body).await } else { None };
    let (status, bytes) = response.unwrap_or((502, Bytes::new()));
    match fate {
        Fate::Passed => whole(status, None, bytes),
        Fate::Status(status, after) => whole(status, after, problem(status, (status == 400).then_some(WRONG))),
        Fate::OverRate(seconds) => whole(429, Some(seconds), problem(429, Some("throttled"))),
        Fate::CutBefore | Fate::CutAfter => cut(),
        Fate::HalfResponse => half(status, &bytes),
        Fate::Slow => {
            tokio::time::sleep(script.slow).await;
            whole(status, None, bytes)
        }
        Fate::Queued => whole(if status == 200 { 202 } else { status }, None, bytes),
        Fate::Foreign(status) => foreign(status),
        Fate::OneRejected => with_one_rejected(status, bytes),
        Fate::KilledBefore | Fate::KilledAfter => {
            script.kill.notify_one();
            std::future::pending().await
        }
    }
}

/// Passes the request to the service and returns its response.
async fn forward(script: &Script, headers: &HeaderMap, body: Bytes) -> Option<(u16, Bytes)> {
    let mut request = script.client.post(&script.service).body(body);
    for name in ["x-api-key", "idempotency-key", "content-type", "content-encoding"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.as_bytes());
        }
    }
    let response = request.send().await.ok()?;
    Some((response.status().as_u16(), response.bytes().await.ok()?))
}

/// A problem like the service's; `code` is its error for the first record.
fn problem(status: u16, code: Option<&str>) -> Bytes {
    let mut problem = serde_json::json!({
        "type": "about:blank", "title": "On purpose", "status": status, "detail": "a test", "request_id": "device-test",
    });
    if let Some(code) = code {
        problem["errors"] = rejected_on_purpose(code);
    }
    problem.to_string().into()
}

fn whole(status: u16, retry_after: Option<u64>, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap_or_default();
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// The page of a proxy or of a network's login.
fn foreign(status: u16) -> Response<Body> {
    let mut response = whole(status, None, "<html><body>Accept our terms to use this network</body></html>".into());
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/html"));
    if (300..400).contains(&status) {
        response.headers_mut().insert("location", HeaderValue::from_static(LOGIN));
    }
    response
}

/// Announces more bytes than it sends, so the server hangs up in the middle.
fn half(status: u16, bytes: &Bytes) -> Response<Body> {
    let sent = bytes.slice(..bytes.len() / 2);
    let stream = http_body_util::BodyExt::map_frame(http_body_util::Full::new(sent), |frame| frame);
    let mut response = Response::new(Body::new(stream));
    *response.status_mut() = status.try_into().unwrap_or_default();
    response.headers_mut().insert("content-length", bytes.len().into());
    response
}

/// Ends the task of this connection and with it the connection: the only way to hang up without a response.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut on purpose"))
}

/// Changes the receipt: the first record is rejected. For a batch of one record that is a 400.
fn with_one_rejected(status: u16, bytes: Bytes) -> Response<Body> {
    let Ok(mut receipt) = serde_json::from_slice::<Value>(&bytes) else { return whole(status, None, bytes) };
    match receipt["accepted"].as_u64() {
        Some(accepted @ 2..) => {
            receipt["accepted"] = (accepted - 1).into();
            receipt["rejected"] = 1.into();
            receipt["errors"] = rejected_on_purpose(WRONG);
            whole(status, None, receipt.to_string().into())
        }
        Some(1) => whole(400, None, problem(400, Some(WRONG))),
        _ => whole(status, None, bytes),
    }
}

fn rejected_on_purpose(code: &str) -> Value {
    let field = if code == WRONG { "err" } else { "deviceID" };
    serde_json::json!([{"index": 0, "field": field, "code": code, "message": "rejected on purpose"}])
}
