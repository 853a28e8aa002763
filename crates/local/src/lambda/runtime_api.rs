//! The Runtime API of one environment: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use logs_core::clock;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The function's reply to an event.
pub(super) enum Reply {
    Response(Bytes),
    Error(Bytes),
}

/// An event on its way to the function.
pub(super) struct Event {
    pub(super) id: String,
    pub(super) body: Bytes,
    /// Counts from the moment when the function fetches the event.
    pub(super) timeout: Duration,
    pub(super) fetched: oneshot::Sender<()>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// Serves until it is dropped.
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) events: mpsc::Sender<Event>,
    server: JoinHandle<()>,
}

struct Shared {
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    /// The waiting callers, by event id.
    open: Mutex<HashMap<String, oneshot::Sender<Reply>>>,
}

impl RuntimeApi {
    pub(super) async fn start(max_events: usize) -> io::Result<Self> {
        let (events, receiver) = mpsc::channel(max_events);
        let shared = Arc::new(Shared { events: tokio::sync::Mutex::new(receiver), open: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            // Lambda's limit for a response: 6 MB.
            .layer(DefaultBodyLimit::max(6 << 20))
            .with_state(shared);
        let server = tokio::spawn(async move {
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                let _ = stream.set_nodelay(true);
            });
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, events, server })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let Some(event) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = (clock::since_epoch() + event.timeout).as_millis().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", event.id.clone()),
        ("lambda-runtime-deadline-ms", deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:local:000000000000:function:local".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    shared.open().insert(event.id, event.reply);
    let _ = event.fetched.send(());
    (headers, event.body).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.reply(&id, Reply::Response(body))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    shared.reply(&id, Reply::Error(body))
}

async fn init_error(body: Bytes) -> StatusCode {
    tracing::error!(error = %String::from_utf8_lossy(&body), "a function could not start");
    StatusCode::ACCEPTED
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Reply>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, id: &str, reply: Reply) -> StatusCode {
        let waiting = self.open().remove(id);
        match waiting {
            Some(waiting) => {
                let _ = waiting.send(reply);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}
