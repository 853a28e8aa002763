//! The loop of a function: an event, a request, an answer, until Lambda ends the process.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use logs_core::{Deadline, clock};
use tracing::Instrument;

use crate::event::ProxyEvent;
use crate::{Answer, Request};

/// API Gateway hangs up after 29 s, however long the function may take.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const LONGEST_REQUEST: Duration = Duration::from_secs(28);

/// Serves proxy events with `handle`. Each answer allows `allowed_origin` (CORS); each log line in between has the
/// request id in its span. An event that is none is reported as failed. Returns only when the Runtime API is gone.
pub async fn serve(
    allowed_origin: String,
    handle: impl AsyncFn(&Request) -> Answer,
) -> Result<(), lambda_runtime::Error> {
    let (handle, allowed_origin) = (&handle, &allowed_origin);
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<ProxyEvent>| {
        let id = event.context.request_id.clone();
        // Of the highest level: a filter that lets an error through lets its request id through as well.
        let span = tracing::error_span!("request", request_id = id);
        let deadline = deadline_of(event.context.deadline, clock::since_epoch());
        let request = Request::new(event.payload, id, deadline);
        let answer = handle(&request).instrument(span).await;
        Ok::<_, std::convert::Infallible>(answer.with("access-control-allow-origin", allowed_origin.clone()))
    }))
    .await
}

/// When the answer must be on its way: before Lambda ends the function, and before the gateway hangs up.
fn deadline_of(ends_at_ms: u64, now: Duration) -> Deadline {
    Deadline::of_event(ends_at_ms, now).at_most(LONGEST_REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_out_before_the_gateway_hangs_up() {
        let now = Duration::from_millis(1_764_000_000_123);
        let of_function = |seconds: u64| deadline_of(1_764_000_000_123 + seconds * 1_000, now).remaining();
        assert!(of_function(900) <= Duration::from_secs(28));
        assert!(of_function(10) <= Duration::from_secs(9));
    }
}
