//! The loop of an HTTP function: an event becomes a request, a response goes back, until Lambda ends the process.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::{ServiceBuilder, service_fn};
use lambda_http::{Adapter, Request, RequestExt};
use logs_core::{Deadline, clock};
use tracing::Instrument;

use crate::{Error, Response};

/// API Gateway hangs up after 29 s, however long the function may take.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const MAX_REQUEST: Duration = Duration::from_secs(28);

/// An HTTP function. Several requests may be under way at once (Lambda Managed Instances).
pub trait Handler: Send + Sync + 'static {
    /// Responds to one request, and frees its body when it likes. [`deadline`] and [`request_id`] read what Lambda says
    /// about it.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

/// Serves proxy events of API Gateway (REST) with `handler`: as many at once as `AWS_LAMBDA_MAX_CONCURRENCY` says, one
/// without it. Every response allows `origin` (CORS). Any other event is a function error. Returns only
/// when the Runtime API is gone.
pub async fn serve(origin: HeaderValue, handler: impl Handler) -> Result<(), Error> {
    let handler = Arc::new(handler);
    let respond = service_fn(move |mut request: Request| {
        let handler = Arc::clone(&handler);
        // At error level, the highest: a filter that passes an error then passes its request id as well.
        let span = tracing::error_span!("request", request_id = request_id(&request));
        let deadline = deadline(&request);
        request.extensions_mut().insert(deadline);
        async move { Ok::<_, Infallible>(handler.handle(request).await) }.instrument(span)
    });
    let allow_origin = move |mut response: Response| {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response
    };
    let service = ServiceBuilder::new()
        .map_request(keep_repeated_headers)
        .layer_fn(Adapter::from)
        .map_response(allow_origin)
        .service(respond);
    lambda_runtime::run_concurrent(service).await
}

/// Lambda's id of this invocation. It names the request in the response and in the log.
pub fn request_id(request: &Request) -> &str {
    request.lambda_context_ref().map_or("", |context| &context.request_id)
}

/// When the response must be on its way: before Lambda ends the function, and before API Gateway hangs up.
pub fn deadline(request: &Request) -> Deadline {
    request.extensions().get().copied().unwrap_or_else(|| {
        let ends_at_ms = request.lambda_context_ref().map_or(0, |context| context.deadline);
        deadline_at(ends_at_ms, clock::since_epoch())
    })
}

fn deadline_at(ends_at_ms: u64, now: Duration) -> Deadline {
    Deadline::of_event(ends_at_ms, now).at_most(MAX_REQUEST)
}

/// API Gateway sends each header twice: with all its values, and with the last one. `lambda_http` lets the last one
/// replace all. Then two idempotency keys would look like one.
fn keep_repeated_headers(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV1(request) = &mut event.payload {
        for name in request.multi_value_headers.keys() {
            request.headers.remove(name);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_goes_out_before_the_gateway_hangs_up() {
        let now = Duration::from_millis(1_764_000_000_123);
        let of_function = |seconds: u64| deadline_at(1_764_000_000_123 + seconds * 1_000, now).remaining();
        assert!(of_function(900) <= Duration::from_secs(28));
        assert!(of_function(10) <= Duration::from_secs(9));
    }
}
