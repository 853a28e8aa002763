//! What goes back to the gateway.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;

use crate::Problem;

/// The media type of every 4xx and 5xx body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An answer in the shape that API Gateway expects from a proxy integration.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    status_code: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    is_base64_encoded: bool,
}

impl Answer {
    /// 200 with a JSON body.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, "application/json", body)
    }

    /// 202 with a JSON body.
    #[must_use]
    pub fn accepted(body: &impl Serialize) -> Self {
        Self::new(StatusCode::ACCEPTED, "application/json", body)
    }

    /// 304 in place of this answer: the client has its body already. Other headers go with it (RFC 9110 §15.4.5).
    #[must_use]
    pub fn not_modified(mut self) -> Self {
        self.status_code = StatusCode::NOT_MODIFIED.as_u16();
        self.headers.remove("content-type");
        self.body.clear();
        self
    }

    /// A problem, with its status.
    #[must_use]
    pub fn problem(problem: &Problem<'_>) -> Self {
        Self::new(problem.status(), PROBLEM_JSON, problem)
    }

    /// 503: nothing was stored, or nobody can tell; send it again in a second.
    #[must_use]
    pub fn out_of_reach(request_id: &str) -> Self {
        let detail = "the store is out of reach; send the request again";
        Self::problem(&Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, request_id))
            .with("retry-after", "1".to_owned())
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status_code
    }

    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body: JSON, or empty.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    fn new(status: StatusCode, content_type: &str, body: &impl Serialize) -> Self {
        // Only maps with keys that are no strings, and failing writers, make serde_json fail; neither is here.
        let body = serde_json::to_string(body).unwrap_or_default();
        let headers = BTreeMap::from([("content-type", content_type.to_owned())]);
        Self { status_code: status.as_u16(), headers, body, is_base64_encoded: false }
    }
}
