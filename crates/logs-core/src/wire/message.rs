//! The format of a queue message. post-log encodes a batch, store-logs decodes it. In between a message may wait for
//! days, so it may come from an older or newer release.
//!
//! It is JSON with an array per log, so a message is never longer than the body it was made from:
//!
//! ```json
//! {"version":1,"key":"01890a5d-ac96-774b-bcce-b302099a8057","received_at":1764000000,
//!  "logs":[["any_device_token",107,1514864773]]}
//! ```
//!
//! In version 1 `key` is the client's `Idempotency-Key`. In version 2 post-log generated it, as a UUID of version 7, and
//! only the queue delivers the batch again (docs/decisions/0096). Before there was a version 2, both were version 1.
//! `received_at` is in Unix seconds. A log is deviceID, err and timestamp. If records were rejected, there is a
//! `fingerprint` (SHA-256, hexadecimal) as well, because it covers their errors, which are not in the message. Unknown
//! fields are ignored.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::KeyOrigin;
use crate::{Batch, DeviceId, ErrorCode, Fingerprint, IdempotencyKey, Message, NewLog, Timestamp, clock};

/// The longest message that SQS takes: 1 MiB.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Why a body is not a message. The text is for the operator and shows nothing of the content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Written by a newer release, or by another program.
    #[error("it has version {0}, and this release reads versions 1 and 2; deploy the newer one, then redrive")]
    UnknownVersion(u64),
    /// Not JSON, or another structure.
    #[error("it is not a message of this service: wrong at line {0}, column {1}")]
    NotAMessage(usize, usize),
    /// The structure is right, but a value is not.
    #[error("it has a value that cannot be stored: {0}")]
    Value(&'static str),
}

#[derive(Deserialize)]
struct Wire {
    version: u64,
    key: String,
    received_at: i64,
    fingerprint: Option<String>,
    logs: Vec<(String, i64, i64)>,
}

#[derive(Deserialize)]
struct Head {
    version: u64,
}

impl KeyOrigin {
    fn version(self) -> u64 {
        match self {
            Self::Client => 1,
            Self::PostLog => 2,
        }
    }

    fn of_version(version: u64) -> Result<Self, MessageError> {
        match version {
            1 => Ok(Self::Client),
            2 => Ok(Self::PostLog),
            other => Err(MessageError::UnknownVersion(other)),
        }
    }
}

impl Message {
    /// The message body of a batch that was received at `now`, the time since 1970. Without a client's key it gets one.
    /// `None` if it would be longer than [`MAX_MESSAGE_BYTES`]: that takes hundreds of thousands of the two characters that
    /// must be escaped for SQS.
    pub fn encode(batch: &Batch, key: Option<&IdempotencyKey>, now: Duration) -> Option<String> {
        let origin = if key.is_some() { KeyOrigin::Client } else { KeyOrigin::PostLog };
        let own = || IdempotencyKey::unique(now);
        let mut text = format!(r#"{{"version":{},"key":"#, origin.version());
        push_json_string(&mut text, key.cloned().unwrap_or_else(own).as_str());
        let received_at = clock::seconds(now);
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, r#","received_at":{received_at},"#);
        if !batch.errors().is_empty() {
            let _ = write!(text, r#""fingerprint":"{}","#, Fingerprint::of(batch).to_hex());
        }
        text.push_str(r#""logs":["#);
        for (place, log) in batch.logs().iter().enumerate() {
            text.push_str(if place == 0 { "[" } else { ",[" });
            push_json_string(&mut text, log.device_id().as_str());
            let _ = write!(text, ",{},{}]", log.error_code().get(), log.timestamp().get());
        }
        text.push_str("]}");
        (text.len() <= MAX_MESSAGE_BYTES).then_some(text)
    }

    /// Reads the body of the message that the queue calls `id`. Every value is parsed as if a device had sent it.
    pub fn decode(id: String, body: &str) -> Result<Self, MessageError> {
        let wire: Wire = serde_json::from_str(body).map_err(|error| {
            let head: Option<Head> = serde_json::from_str(body).ok();
            let unknown_version = head.and_then(|head| KeyOrigin::of_version(head.version).err());
            unknown_version.unwrap_or(MessageError::NotAMessage(error.line(), error.column()))
        })?;
        let origin = KeyOrigin::of_version(wire.version)?;
        let key = IdempotencyKey::parse(&wire.key).map_err(|_| MessageError::Value("key"))?;
        let fingerprint =
            wire.fingerprint.map(|hex| Fingerprint::from_hex(&hex).ok_or(MessageError::Value("fingerprint")));
        let logs = wire.logs.into_iter().map(log).collect::<Result<Vec<_>, _>>()?;
        Self::new(id, key, origin, fingerprint.transpose()?, wire.received_at, logs).map_err(MessageError::Value)
    }
}

fn log((device_id, err, timestamp): (String, i64, i64)) -> Result<NewLog, MessageError> {
    Ok(NewLog::new(
        DeviceId::parse(device_id).map_err(|_| MessageError::Value("deviceID"))?,
        ErrorCode::parse(err).map_err(|_| MessageError::Value("err"))?,
        Timestamp::parse(timestamp).map_err(|_| MessageError::Value("timestamp"))?,
    ))
}

/// SQS takes every character that XML has: all but controls, which JSON escapes anyway, and these two.
fn push_json_string(text: &mut String, value: &str) {
    // serde_json fails on maps whose keys are not strings, and on writers that fail. Neither occurs here.
    let json = serde_json::to_string(value).unwrap_or_default();
    for character in json.chars() {
        match character {
            '\u{fffe}' => text.push_str("\\ufffe"),
            '\u{ffff}' => text.push_str("\\uffff"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
