//! What API Gateway would send, and the bodies in it.
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use crate::baseline::{ERROR_CODE, device_id};
use logs_core::MAX_BODY_BYTES;
use serde_json::{Value, json};

/// Timestamps of the records that are sent.
const SENT_AT: i64 = 1_514_864_773;

/// What is sent to a function.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The proxy event.
    pub(crate) json: Vec<u8>,
    /// What stands in the body of the right answer.
    pub(crate) expected: String,
}

/// When the code at this place of a batch was recorded.
pub(crate) fn timestamp(index: usize) -> i64 {
    SENT_AT + i64::try_from(index).unwrap_or_default()
}

/// A proxy event of a POST of so many codes.
pub(crate) fn post(codes: usize) -> Event {
    let body = (0..codes).map(|index| record(&device_id(index), index)).collect::<Value>().to_string();
    event("POST", &body.into(), format!(r#""accepted":{codes},"rejected":0"#))
}

/// The same under an idempotency key.
pub(crate) fn post_once(codes: usize, key: &str) -> Event {
    let mut event = post(codes);
    let text = String::from_utf8_lossy(&event.json)
        .replacen("\"headers\":{", &format!("\"headers\":{{\"Idempotency-Key\":\"{key}\","), 1)
        .replacen("\"multiValueHeaders\":{", &format!("\"multiValueHeaders\":{{\"Idempotency-Key\":[\"{key}\"],"), 1);
    event.json = text.into_bytes();
    event
}

/// A proxy event with the largest body that is taken: 1000 devices with names of 4-byte characters, and blanks
/// up to the limit.
pub(crate) fn post_largest() -> Event {
    let name = "\u{1f4df}".repeat(240);
    let mut body = (0..1000).map(|index| record(&name, index)).collect::<Value>().to_string();
    body.push_str(&" ".repeat(MAX_BODY_BYTES.saturating_sub(body.len())));
    event("POST", &body.into(), r#""accepted":1000,"rejected":0"#.to_owned())
}

/// A proxy event of a GET.
pub(crate) fn get() -> Event {
    event("GET", &Value::Null, r#""error_log_id":"#.to_owned())
}

fn record(device: &str, index: usize) -> Value {
    json!({ "deviceID": device, "err": ERROR_CODE, "timestamp": timestamp(index) })
}

fn event(method: &str, body: &Value, expected: String) -> Event {
    let json = json!({
        "resource": "/logs",
        "path": "/logs",
        "httpMethod": method,
        "headers": headers(|value| json!(value)),
        "multiValueHeaders": headers(|value| json!([value])),
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": null,
        "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abcdefghij",
            "resourceId": "abc123",
            "resourcePath": "/logs",
            "httpMethod": method,
            "path": "/prod/logs",
            "protocol": "HTTP/1.1",
            "testbed": "prod",
            "domainName": "abcdefghij.execute-api.eu-central-1.amazonaws.com",
            "requestId": "00000000-0000-4000-8000-000000000000",
            "requestTime": "02/Jan/2018:03:46:13 +0000",
            "requestTimeEpoch": 1_514_864_773_000_i64,
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "device/1.0" },
        },
        "body": body,
        "isBase64Encoded": false,
    });
    Event { json: json.to_string().into_bytes(), expected }
}

fn headers(form: impl Fn(&str) -> Value) -> Value {
    [
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("Host", "abcdefghij.execute-api.eu-central-1.amazonaws.com"),
        ("User-Agent", "device/1.0"),
        ("x-api-key", "0123456789abcdef0123456789abcdef01234567"),
        ("X-Amzn-Trace-Id", "Root=1-5a4b1a45-0123456789abcdef01234567"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), form(value)))
    .collect()
}

#[cfg(test)]
mod tests {
    use logs_core::Batch;

    use super::*;

    fn body(event: &Event) -> String {
        let event: Value = serde_json::from_slice(&event.json).unwrap();
        event["body"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_code_of_a_batch_is_good() {
        for codes in [1, 100, 1000] {
            let batch = Batch::parse(body(&post(codes)).as_bytes()).unwrap();
            assert_eq!((batch.logs().len(), batch.rejected()), (codes, 0));
        }
    }

    #[test]
    fn the_largest_body_is_as_large_as_allowed_and_good() {
        let body = body(&post_largest());
        assert_eq!(body.len(), MAX_BODY_BYTES);
        let batch = Batch::parse(body.as_bytes()).unwrap();
        assert_eq!((batch.logs().len(), batch.rejected()), (1000, 0));
    }
}
