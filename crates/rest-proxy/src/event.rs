//! The part of a proxy event that the functions read.
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logs_core::Deadline;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// A proxy event; whatever else is in it is not looked at, so nothing odd in it can hurt.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProxyEvent {
    #[serde(default)]
    headers: IdempotencyKeys,
    #[serde(default)]
    multi_value_headers: IdempotencyKeys,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The event says that its body is base64, and it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not valid base64")]
pub struct NotBase64;

/// What stands under `Idempotency-Key`, however that is capitalized; `null` and other headers are passed over.
#[derive(Debug, Default)]
struct IdempotencyKeys(Vec<String>);

impl<'de> Deserialize<'de> for IdempotencyKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = IdempotencyKeys;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("headers")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(IdempotencyKeys::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut headers: A) -> Result<Self::Value, A::Error> {
                let mut keys = Vec::new();
                while let Some(name) = headers.next_key::<Cow<'_, str>>()? {
                    if !name.eq_ignore_ascii_case("idempotency-key") {
                        headers.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    match headers.next_value()? {
                        Value::String(key) => keys.push(key),
                        Value::Array(values) => keys.extend(values.iter().filter_map(Value::as_str).map(str::to_owned)),
                        _ => {}
                    }
                }
                Ok(IdempotencyKeys(keys))
            }
        }
        deserializer.deserialize_any(HeadersVisitor)
    }
}

/// What a handler gets.
#[derive(Debug)]
pub struct Request {
    /// Lambda's id of this invocation; it names the request in answers and in the log.
    pub id: String,
    /// When the answer must be on its way.
    pub deadline: Deadline,
    /// What the client sent as `Idempotency-Key`, as often as it did.
    pub idempotency_keys: Vec<String>,
    /// The body as the client sent it; empty if there was none.
    pub body: Result<Vec<u8>, NotBase64>,
}

impl Request {
    pub(crate) fn new(event: ProxyEvent, id: String, deadline: Deadline) -> Self {
        let text = event.body.unwrap_or_default();
        let body = match event.is_base64_encoded {
            Some(true) => STANDARD.decode(text).map_err(|_| NotBase64),
            _ => Ok(text.into_bytes()),
        };
        // API Gateway sends both forms; the one with single values has the last of several.
        let IdempotencyKeys(idempotency_keys) = match event.multi_value_headers {
            keys if keys.0.is_empty() => event.headers,
            keys => keys,
        };
        Self { id, deadline, idempotency_keys, body }
    }
}
