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
    headers: Headers,
    #[serde(default)]
    multi_value_headers: Headers,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The event says that its body is base64, and it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not valid base64")]
pub struct NotBase64;

/// The headers that a function reads, however they are capitalized; `null` and all others are passed over.
#[derive(Debug, Default)]
struct Headers {
    idempotency_key: Vec<String>,
    if_none_match: Vec<String>,
}

impl Headers {
    fn named(&mut self, name: &str) -> Option<&mut Vec<String>> {
        let known = [("idempotency-key", &mut self.idempotency_key), ("if-none-match", &mut self.if_none_match)];
        known.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, values)| values)
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = Headers;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("headers")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Headers::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut headers = Headers::default();
                while let Some(name) = map.next_key::<Cow<'_, str>>()? {
                    let Some(values) = headers.named(&name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    match map.next_value()? {
                        Value::String(one) => values.push(one),
                        Value::Array(all) => values.extend(all.iter().filter_map(Value::as_str).map(str::to_owned)),
                        _ => {}
                    }
                }
                Ok(headers)
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
    /// The lines of `If-None-Match`: which answers the client has already.
    pub if_none_match: Vec<String>,
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
        let (all, last) = (event.multi_value_headers, event.headers);
        let either = |all: Vec<String>, last| if all.is_empty() { last } else { all };
        let idempotency_keys = either(all.idempotency_key, last.idempotency_key);
        let if_none_match = either(all.if_none_match, last.if_none_match);
        Self { id, deadline, idempotency_keys, if_none_match, body }
    }
}
