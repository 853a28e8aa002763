//! Reads and decompresses a request body, up to the limit. A body beyond the limit never takes more memory than that.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use logs_core::MAX_BODY_BYTES;

/// How long a client may take to send its body (API Gateway: 30 s).
const ARRIVAL_LIMIT: Duration = Duration::from_secs(29);

/// How long to read the body of a refused request.
const DISCARD_LIMIT: Duration = Duration::from_secs(5);

/// API Gateway's limit for a request: 10 MB.
const MAX_READ_BYTES: usize = 10 << 20;

/// The texts are for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyRefused {
    #[error("the body has more than {MAX_BODY_BYTES} bytes (1 MiB) when unpacked; send smaller batches")]
    TooLarge,
    #[error("the Content-Encoding is not supported; send gzip, deflate or none")]
    UnknownEncoding,
    #[error("the body is not what its Content-Encoding says")]
    Corrupt,
    #[error("the body did not arrive completely")]
    Incomplete,
}

pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, BodyRefused> {
    let encoding = encoding(headers);
    let bytes = tokio::time::timeout(ARRIVAL_LIMIT, collect(body)).await.unwrap_or(Err(BodyRefused::Incomplete))?;
    match encoding? {
        Encoding::Identity => Ok(bytes),
        Encoding::Gzip => unpack(MultiGzDecoder::new(&*bytes)),
        Encoding::Deflate => unpack(ZlibDecoder::new(&*bytes)),
    }
}

/// Reads and drops the body of a refused request. A client that is still sending then gets the response instead of a broken
/// connection.
pub(super) async fn discard(body: Body) {
    let _ = tokio::time::timeout(DISCARD_LIMIT, collect(body)).await;
}

/// Reads on beyond the limit, as far as API Gateway does, for the same reason as [`discard`].
async fn collect(mut body: Body) -> Result<Vec<u8>, BodyRefused> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyRefused::Incomplete)?;
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        if seen > MAX_READ_BYTES {
            break;
        }
        if seen <= MAX_BODY_BYTES {
            kept.extend_from_slice(data);
        }
    }
    if seen > MAX_BODY_BYTES { Err(BodyRefused::TooLarge) } else { Ok(kept) }
}

enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, BodyRefused> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(Encoding::Identity) };
    if values.next().is_some() {
        return Err(BodyRefused::UnknownEncoding);
    }
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "deflate" => Ok(Encoding::Deflate),
        _ => Err(BodyRefused::UnknownEncoding),
    }
}

fn unpack(packed: impl Read) -> Result<Vec<u8>, BodyRefused> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    packed.take(limit + 1).read_to_end(&mut unpacked).map_err(|_| BodyRefused::Corrupt)?;
    if unpacked.len() > MAX_BODY_BYTES { Err(BodyRefused::TooLarge) } else { Ok(unpacked) }
}

/// API Gateway passes a body as text if it is UTF-8.
pub(super) fn as_text(body: Vec<u8>) -> Result<String, Bytes> {
    String::from_utf8(body).map_err(|error| Bytes::from(error.into_bytes()))
}
