//! The subset of HTTP that clients of DynamoDB speak.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One request that reached the server.
#[derive(Clone, Debug)]
pub struct Call {
    /// Like `PutItem`.
    pub operation: String,
    /// Consumed capacity.
    pub units: f64,
}

/// With [`AUTHORIZATION`], for requests to a local server: it requires both headers, but checks neither.
pub const DATE: &str = "20260101T000000Z";

pub const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, \
     SignedHeaders=host;x-amz-date, Signature=none";

/// Reads the operation with its version, and the body. `None` when the client is gone.
pub(super) async fn read(socket: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.clone_into(&mut target),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((target, body))
}

pub(super) async fn write(socket: &mut BufReader<TcpStream>, status: u16, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = socket.get_mut().write_all(&[head.as_bytes(), body].concat()).await;
}

impl Call {
    pub(super) fn of(target: &str, answer: &[u8]) -> Self {
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let of = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or_default();
        let units = match &answer["ConsumedCapacity"] {
            Value::Array(all) => all.iter().map(of).sum(),
            one => of(one),
        };
        Self { operation, units }
    }
}
