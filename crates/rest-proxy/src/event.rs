//! The part of a proxy event that the functions read.
//! Format: <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use logs_core::Deadline;
use serde::Deserialize;

/// A proxy event; whatever else is in it is not looked at, so nothing odd in it can hurt.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProxyEvent {
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The event says that its body is base64, and it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not valid base64")]
pub struct NotBase64;

/// What a handler gets.
#[derive(Debug)]
pub struct Request {
    /// Lambda's id of this invocation; it names the request in answers and in the log.
    pub id: String,
    /// When the answer must be on its way.
    pub deadline: Deadline,
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
        Self { id, deadline, body }
    }
}
