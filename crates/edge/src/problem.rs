//! Every 4xx and 5xx body: `application/problem+json`, RFC 9457.

use http::StatusCode;
use logs_core::RecordError;
use serde::Serialize;

/// The media type of every 4xx and 5xx body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// `{"type":"about:blank","title":…,"status":…,"detail":…,"request_id":…}`, and `errors` where records are at fault.
///
/// The type is `about:blank`: the status code says it all (RFC 9457 §4.2.1).
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<&'a RecordError>,
}

impl<'a> Problem<'a> {
    /// `detail` is one sentence that tells the client what to do. That of a 5xx says nothing about the cause.
    pub fn new(status: StatusCode, detail: &'a str, request_id: &'a str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { kind: "about:blank", title, status, detail, request_id, errors: Vec::new() }
    }

    /// The same, with the errors of the rejected records.
    #[must_use]
    pub fn with_errors(self, errors: Vec<&'a RecordError>) -> Self {
        Self { errors, ..self }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
