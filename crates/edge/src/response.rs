//! Responses of the HTTP contract.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::Problem;

/// A response with a body of JSON, or none.
pub type Response = http::Response<String>;

/// A response with a body of JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    of_type("application/json", status, body)
}

/// 503 with Retry-After: nothing was stored, or the outcome is unknown. The client sends the request again.
pub fn unavailable(request_id: &str) -> Response {
    let detail = "the store is out of reach; send the request again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, request_id).retry_after(1)
}

/// Sets a header. A value that is not valid in a header is left out.
pub fn set_header(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn of_type(content_type: &'static str, status: StatusCode, body: &impl Serialize) -> Response {
    // serde_json fails on maps whose keys are not strings, and on writers that fail. Neither occurs here.
    let mut response = Response::new(serde_json::to_string(body).unwrap_or_default());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

impl Problem<'_> {
    /// The problem as a response with its status.
    pub fn response(&self) -> Response {
        of_type(crate::PROBLEM_JSON, self.status(), self)
    }

    /// The same with `Retry-After`.
    pub fn retry_after(&self, seconds: u64) -> Response {
        let mut response = self.response();
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    }
}
