//! A gateway that misbehaves on purpose, in front of a real one. It takes down every request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::device_test::scenario::{Fate, SLOW};
use crate::error::LabError;

/// A request, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) key: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) fate: Fate,
}

/// What the requests of one scenario share.
struct Script {
    fates: Mutex<VecDeque<Fate>>,
    arrivals: Mutex<Vec<Arrival>>,
    /// The client is to lose its power now.
    power_cut: Notify,
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
    /// In front of the gateway at `service`.
    pub(crate) async fn start(service: &str, fates: &[Fate]) -> Result<Self, LabError> {
        let script = Arc::new(Script {
            fates: Mutex::new(fates.iter().copied().collect()),
            arrivals: Mutex::default(),
            power_cut: Notify::new(),
            client: reqwest::Client::builder().no_proxy().build()?,
            service: service.to_owned(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/logs", listener.local_addr()?);
        let router = Router::new().fallback(respond).with_state(Arc::clone(&script));
        let task = tokio::spawn(async move {
            // Ends with the task.
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

    /// Waits until the client is to lose its power.
    pub(crate) async fn power_cut(&self) {
        self.script.power_cut.notified().await;
    }
}

impl Drop for MisbehavingGateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let fate = script.fates.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fate::Passed);
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let arrival = Arrival { at: Instant::now(), key, body: body.clone(), fate };
    script.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
    let response = if fate.reaches_the_service() { forward(&script, &headers, body).await } else { None };
    let (status, bytes) = response.unwrap_or((502, Bytes::new()));
    match fate {
        Fate::Passed => whole(status, None, bytes),
        Fate::Status(status, after) => whole(status, after, problem(status)),
        Fate::CutBefore | Fate::CutAfter => cut(),
        Fate::HalfResponse => half(status, &bytes),
        Fate::Slow => {
            tokio::time::sleep(SLOW).await;
            whole(status, None, bytes)
        }
        Fate::CaptivePortal => {
            whole(200, None, "<html><body>Accept our terms to use this network</body></html>".into())
        }
        Fate::OneRejected => whole(status, None, with_one_rejected(&bytes)),
        Fate::PowerCutBefore | Fate::PowerCutAfter => {
            script.power_cut.notify_one();
            std::future::pending().await
        }
    }
}

/// The service's own response.
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

/// What the service would say. With 400 every record is wrong.
fn problem(status: u16) -> Bytes {
    let mut problem = serde_json::json!({
        "type": "about:blank", "title": "On purpose", "status": status, "detail": "a test", "request_id": "device-test",
    });
    if status == 400 {
        let message = "wrong on purpose";
        problem["errors"] =
            serde_json::json!([{"index": 0, "field": "err", "code": "out_of_range", "message": message}]);
    }
    problem.to_string().into()
}

fn whole(status: u16, retry_after: Option<u64>, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status.try_into().unwrap_or_default();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// The header promises more than comes: the server hangs up when it sees that.
fn half(status: u16, bytes: &Bytes) -> Response<Body> {
    let sent = bytes.slice(..bytes.len() / 2);
    let stream = http_body_util::BodyExt::map_frame(http_body_util::Full::new(sent), |frame| frame);
    let mut response = Response::new(Body::new(stream));
    *response.status_mut() = status.try_into().unwrap_or_default();
    response.headers_mut().insert("content-length", bytes.len().into());
    response
}

/// Ends the task of this connection, and the connection with it. Nothing else makes the server hang up without a response.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut on purpose"))
}

fn with_one_rejected(receipt: &Bytes) -> Bytes {
    let Ok(mut receipt) = serde_json::from_slice::<Value>(receipt) else { return receipt.clone() };
    if let Some(accepted) = receipt["accepted"].as_u64().filter(|accepted| *accepted > 1) {
        receipt["accepted"] = (accepted - 1).into();
        receipt["rejected"] = 1.into();
        receipt["errors"] =
            serde_json::json!([{"index": 0, "field": "err", "code": "out_of_range", "message": "rejected on purpose"}]);
    }
    receipt.to_string().into()
}
