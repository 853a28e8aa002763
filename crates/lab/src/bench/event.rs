//! The proxy events sent to a function. The local gateway makes them from HTTP requests with API Gateway's headers.

use std::io;

use axum::body::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use local::gateway::to_event;
use logs_core::{MAX_BODY_BYTES, clock};

use crate::codes::{Code, body, collected, lines};
use crate::error::LabError;

const ID: &str = "00000000-0000-4000-8000-000000000000";

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Headers of every request; the content type comes on top.
const HEADERS: [(&str, &str); 7] = [
    ("accept", "*/*"),
    ("host", "abcdefghij.execute-api.eu-central-1.amazonaws.com"),
    ("user-agent", "device/1.0"),
    ("x-api-key", "0123456789abcdef0123456789abcdef01234567"),
    ("x-amzn-trace-id", "Root=1-5a4b1a45-0123456789abcdef01234567"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-port", "443"),
];

/// A proxy event, and how to recognize its answer.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) json: Bytes,
    /// A part of the right answer's body.
    pub(crate) expected: String,
}

/// A POST of `codes` codes as an array, with or without an idempotency key.
pub(crate) fn post(codes: usize, key: Option<&str>) -> Result<Event, LabError> {
    post_of(&collected(codes, clock::unix_seconds()), 0, key)
}

/// A POST of `codes` codes as NDJSON.
pub(crate) fn post_lines(codes: usize) -> Result<Event, LabError> {
    let lines = lines(&collected(codes, clock::unix_seconds()));
    event(Method::POST, "/logs", (NDJSON, lines), None, accepted(codes))
}

/// A POST with the largest accepted body: 1000 device names of 4-byte characters, padded with spaces up to the limit.
pub(crate) fn post_largest() -> Result<Event, LabError> {
    let rename = |code| Code { device_id: "\u{1f4df}".repeat(240), ..code };
    let codes: Vec<_> = collected(1000, clock::unix_seconds()).into_iter().map(rename).collect();
    post_of(&codes, MAX_BODY_BYTES, None)
}

/// A POST of `codes` codes of a fleet: varied devices and codes, from the last hour. Another `salt` gives other codes.
pub(crate) fn post_of_fleet(codes: usize, salt: usize, key: Option<&str>) -> Result<Event, LabError> {
    let now = clock::unix_seconds();
    let code = |number: usize| {
        let number = number * 7_919 + salt * 104_729;
        let [err, ago] = [500, 3_600].map(|below| i32::try_from(number % below).unwrap_or_default());
        Code { device_id: format!("device-{:05}", number % 100_000), err, timestamp: now - i64::from(ago) }
    };
    post_of(&(0..codes).map(code).collect::<Vec<_>>(), 0, key)
}

/// Pads the body with spaces up to `size` bytes.
fn post_of(codes: &[Code], size: usize, key: Option<&str>) -> Result<Event, LabError> {
    let mut body = body(codes);
    body.push_str(&" ".repeat(size.saturating_sub(body.len())));
    event(Method::POST, "/logs", (JSON, body), key, accepted(codes.len()))
}

fn accepted(codes: usize) -> String {
    format!(r#""accepted":{codes},"rejected":0"#)
}

pub(crate) fn get() -> Result<Event, LabError> {
    get_from("/logs", r#""error_log_id":"#)
}

/// A GET of a path with its query. `expected` is a part of the right answer's body.
pub(crate) fn get_from(path: &str, expected: &str) -> Result<Event, LabError> {
    event(Method::GET, path, (JSON, String::new()), None, expected.to_owned())
}

fn event(
    method: Method,
    path: &str,
    (media_type, body): (&'static str, String),
    key: Option<&str>,
    expected: String,
) -> Result<Event, LabError> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(io::Error::other)?;
    let headers = request.headers_mut();
    for (name, value) in HEADERS.into_iter().chain([("content-type", media_type)]) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(key) = key.and_then(|key| HeaderValue::from_str(key).ok()) {
        headers.insert("idempotency-key", key);
    }
    Ok(Event { json: to_event(&request.into_parts().0, body.into_bytes(), ID)?, expected })
}

#[cfg(test)]
mod tests {
    use logs_core::Batch;
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_largest_body_has_the_maximum_size_and_is_valid() {
        let event: Value = serde_json::from_slice(&post_largest().unwrap().json).unwrap();
        let body = event["body"].as_str().unwrap();
        assert_eq!(body.len(), MAX_BODY_BYTES);
        let batch = Batch::parse(body.as_bytes()).unwrap();
        assert_eq!((batch.logs().len(), batch.rejected()), (1000, 0));
    }
}
