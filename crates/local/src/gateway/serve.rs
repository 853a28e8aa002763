//! One gateway: a listener, an API key, a usage plan and a function.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use edge::{PROBLEM_JSON, Problem};
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::usage_plan::UsagePlan;
use super::{body, event, page};
use crate::lambda::{Function, InvokeError};

const PATH: &str = "/logs";

/// The paths of the API with this method.
const fn paths(method: &Method) -> &'static [&'static str] {
    if matches!(*method, Method::GET) { &[PATH, "/codes"] } else { &[PATH] }
}

/// API Gateway's limit for a function, including its start.
const INTEGRATION_LIMIT: Duration = Duration::from_secs(29);

pub struct GatewayConfig {
    /// The method of all paths, beside OPTIONS.
    pub method: Method,
    /// The key that clients must send.
    pub api_key: String,
    pub usage_plan: UsagePlan,
    /// `access-control-allow-origin` of the gateway's own answers (CORS).
    pub allowed_origin: HeaderValue,
    pub function: Function,
    /// The page for `GET /`, which needs no key.
    pub page: Option<String>,
}

pub struct Gateway {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Gateway {
    /// `listener` must be bound.
    pub fn start(listener: TcpListener, config: GatewayConfig) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(Arc::new(config));
        let (stop, stopped) = oneshot::channel();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { address, stop, server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the logs.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Accepts no more connections, and waits up to `limit` for open requests.
    pub async fn stop(mut self, limit: Duration) {
        let _ = self.stop.send(());
        if tokio::time::timeout(limit, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

async fn answer(State(config): State<Arc<GatewayConfig>>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let id = uuid::Uuid::new_v4().to_string();
    let method = request.method().clone();
    let mut response = match config.check(&request) {
        Ok(Checked::Preflight) => config.preflight(),
        Ok(Checked::Page(page)) => page::response(page),
        Ok(Checked::Forward) => {
            config.forward(request, &id).await.unwrap_or_else(|refused| config.refuse(&refused, &id))
        }
        Err(refused) => {
            body::discard(request.into_body()).await;
            config.refuse(&refused, &id)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    let status = response.status().as_u16();
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(api = config.function.name(), %method, status, milliseconds, request_id = id, "answered");
    response
}

enum Checked<'a> {
    Preflight,
    Page(&'a str),
    Forward,
}

/// The gateway's own answer.
struct Refused {
    status: StatusCode,
    /// For the client.
    detail: String,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Refused {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    fn plan_is_spent(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = "the usage plan of this key is spent for now";
        Self { retry_after: Some(seconds.max(1)), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// The function failed or was throttled: API Gateway does not distinguish the two (infra/gateway-responses.js).
    fn bad_gateway() -> Self {
        let detail = "the function failed; send the request again";
        Self { retry_after: Some(1), ..Self::new(StatusCode::BAD_GATEWAY, detail) }
    }
}

impl GatewayConfig {
    fn check(&self, request: &Request) -> Result<Checked<'_>, Refused> {
        if !has_valid_host(request.headers()) {
            return Err(Refused::new(StatusCode::BAD_REQUEST, "the header Host must be a host name"));
        }
        if let (Some(page), &Method::GET, "/") = (&self.page, request.method(), request.uri().path()) {
            return Ok(Checked::Page(page));
        }
        let known = paths(&self.method).contains(&request.uri().path());
        if known && request.method() == Method::OPTIONS {
            return Ok(Checked::Preflight);
        }
        if !known || request.method() != self.method {
            let known: Vec<_> = paths(&self.method).iter().map(|path| format!("{} {path}", self.method)).collect();
            let detail = format!("there is only {} here", known.join(" and "));
            return Err(Refused::new(StatusCode::NOT_FOUND, detail));
        }
        if request.headers().get("x-api-key").is_none_or(|key| key.as_bytes() != self.api_key.as_bytes()) {
            return Err(Refused::new(StatusCode::FORBIDDEN, "send this API's own key in the header x-api-key"));
        }
        self.usage_plan.admit().map_err(Refused::plan_is_spent)?;
        Ok(Checked::Forward)
    }

    async fn forward(&self, request: Request, id: &str) -> Result<Response<Body>, Refused> {
        let (parts, body) = request.into_parts();
        let body = match self.method {
            // The body of a GET is ignored.
            Method::GET => Vec::new(),
            _ => body::read(&parts.headers, body).await.map_err(|refused| match refused {
                body::BodyRefused::TooLarge => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, refused.to_string()),
                _ => Refused::new(StatusCode::BAD_REQUEST, refused.to_string()),
            })?,
        };
        let event = event::to_event(&parts, body, id).map_err(|_| Refused::bad_gateway())?;
        let answer = tokio::time::timeout(INTEGRATION_LIMIT, self.function.invoke(id.to_owned(), event)).await;
        let answer = answer.unwrap_or(Err(InvokeError::Overdue)).map_err(|error| {
            tracing::error!(api = self.function.name(), request_id = id, %error, "no answer from the function");
            match error {
                InvokeError::Overdue => {
                    Refused::new(StatusCode::GATEWAY_TIMEOUT, "the function took too long; send the request again")
                }
                _ => Refused::bad_gateway(),
            }
        })?;
        event::to_response(&answer).ok_or_else(|| {
            tracing::error!(api = self.function.name(), request_id = id, "malformed function response");
            Refused::bad_gateway()
        })
    }

    fn preflight(&self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed_origin.clone());
        let methods = if self.method == Method::POST { "OPTIONS,POST" } else { "GET,OPTIONS" };
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        let allowed = HeaderValue::from_static("x-api-key,content-type,idempotency-key");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        response
    }

    fn refuse(&self, refused: &Refused, id: &str) -> Response<Body> {
        let problem = serde_json::to_vec(&Problem::new(refused.status, &refused.detail, id)).unwrap_or_default();
        let mut response = Response::new(Body::from(problem));
        *response.status_mut() = refused.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.allowed_origin.clone());
        if let Some(seconds) = refused.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// API Gateway refuses a `Host` that is not a host name. `lambda_http` builds a URL from it, so it relies on that.
fn has_valid_host(headers: &HeaderMap) -> bool {
    // In a URL, these characters end the host or a user name before it.
    let is_host =
        |host: &str| !host.contains(['/', '?', '#', '@', '\\']) && Url::parse(&format!("http://{host}/")).is_ok();
    headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(is_host))
}
