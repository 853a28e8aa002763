//! Is this an answer of the contract? Statuses, headers and bodies as `openapi/post-log.yml` and `docs/devices.md` have
//! them.

use http::HeaderMap;
use serde_json::Value;

use crate::chaos::batch::{Batch, Manner};

/// What an answer means for its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// 200, or 202 in queued mode: forget the batch.
    Stored { duplicate: bool },
    /// 422, where another batch has the key.
    Refused,
    /// Keep the batch and send it again.
    SendAgain,
}

/// What the answer means, or what is wrong with it.
pub(crate) fn read(
    batch: &Batch,
    queued: bool,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Meaning, String> {
    let wrong = |what: &str| Err(format!("{status} {what}: {}", String::from_utf8_lossy(body)));
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return wrong("is not JSON") };
    let is_text = |field: &str| json[field].as_str().is_some_and(|text| !text.is_empty());
    if header("access-control-allow-origin").is_none() {
        return wrong("allows no origin");
    }
    if !is_text("request_id") {
        return wrong("has no request_id");
    }
    if status == if queued { 202 } else { 200 } {
        let is_receipt = header("content-type") == Some("application/json")
            && json["accepted"] == batch.size
            && json["rejected"] == 0
            && json["errors"].as_array().is_some_and(Vec::is_empty);
        return match (is_receipt, json["duplicate"].as_bool(), batch.manner) {
            (true, _, Manner::UnderUsedKey) => wrong("acknowledges another batch under a used key"),
            (true, Some(duplicate), _) if !duplicate || (batch.key.is_some() && !queued) => {
                Ok(Meaning::Stored { duplicate })
            }
            _ => wrong("is not this batch's receipt"),
        };
    }
    let is_problem = header("content-type") == Some("application/problem+json")
        && json["status"] == status
        && ["type", "title", "detail"].into_iter().all(is_text);
    if !is_problem {
        return wrong("is no problem of RFC 9457");
    }
    let waits = header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0));
    match (status, &batch.key) {
        (422, _) if batch.manner == Manner::UnderUsedKey => Ok(Meaning::Refused),
        (409, Some(_)) if queued => wrong("asks no ledger"),
        (409, Some(_)) | (429 | 502 | 503, _) if waits => Ok(Meaning::SendAgain),
        (409, Some(_)) | (429 | 502 | 503, _) => wrong("has no Retry-After"),
        (504, _) => Ok(Meaning::SendAgain),
        _ => wrong("is no answer to this batch"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    const RECEIPT: &str = r#"{"accepted":2,"rejected":0,"duplicate":false,"errors":[],"request_id":"r"}"#;

    fn batch(key: Option<&str>, manner: Manner) -> Batch {
        let key = key.map(str::to_owned);
        Batch { client: 0, number: 0, size: 2, key, manner, pause: Duration::ZERO }
    }

    fn headers(content_type: &'static str, retry_after: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        headers.insert("content-type", HeaderValue::from_static(content_type));
        headers.extend(retry_after.map(|seconds| (http::header::RETRY_AFTER, HeaderValue::from_static(seconds))));
        headers
    }

    fn receipt(batch: &Batch, body: &str) -> Result<Meaning, String> {
        read(batch, false, 200, &headers("application/json", None), body.as_bytes())
    }

    fn problem(batch: &Batch, status: u16, retry_after: Option<&'static str>) -> Result<Meaning, String> {
        let body = format!(r#"{{"type":"about:blank","title":"t","status":{status},"detail":"d","request_id":"r"}}"#);
        read(batch, false, status, &headers("application/problem+json", retry_after), body.as_bytes())
    }

    #[test]
    fn a_receipt_acknowledges_if_it_is_this_batchs() {
        let (without, with) = (batch(None, Manner::Plainly), batch(Some("k"), Manner::Plainly));
        assert_eq!(receipt(&without, RECEIPT), Ok(Meaning::Stored { duplicate: false }));
        let again = RECEIPT.replace("false", "true");
        assert_eq!(receipt(&with, &again), Ok(Meaning::Stored { duplicate: true }));
        for wrong in [again.as_str(), &RECEIPT.replace('2', "1"), &RECEIPT.replace("\"r\"", "\"\""), "{", "{}"] {
            assert!(receipt(&without, wrong).is_err(), "{wrong}");
        }
        assert!(read(&with, false, 200, &HeaderMap::new(), RECEIPT.as_bytes()).is_err(), "no headers");
    }

    #[test]
    fn a_queue_acknowledges_with_202_and_knows_no_duplicate() {
        let with = batch(Some("k"), Manner::Plainly);
        let told = |queued, status, body: &str| {
            read(&with, queued, status, &headers("application/json", None), body.as_bytes())
        };
        assert_eq!(told(true, 202, RECEIPT), Ok(Meaning::Stored { duplicate: false }));
        assert!(told(true, 202, &RECEIPT.replace("false", "true")).is_err());
        assert!(told(true, 200, RECEIPT).is_err());
        assert!(told(false, 202, RECEIPT).is_err());
    }

    #[test]
    fn another_batch_under_a_used_key_is_refused_and_nothing_else() {
        let (other, first) = (batch(Some("k"), Manner::UnderUsedKey), batch(Some("k"), Manner::Plainly));
        assert_eq!(problem(&other, 422, None), Ok(Meaning::Refused));
        assert!(receipt(&other, RECEIPT).is_err());
        assert!(problem(&first, 422, None).is_err());
    }

    #[test]
    fn what_may_pass_is_sent_again_if_it_says_when() {
        let (without, with) = (batch(None, Manner::Plainly), batch(Some("k"), Manner::Plainly));
        for status in [429, 502, 503] {
            assert_eq!(problem(&without, status, Some("1")), Ok(Meaning::SendAgain));
            for wrong in [None, Some("0"), Some("soon")] {
                assert!(problem(&without, status, wrong).is_err(), "{status} {wrong:?}");
            }
        }
        assert_eq!(problem(&with, 409, Some("1")), Ok(Meaning::SendAgain));
        assert!(problem(&without, 409, Some("1")).is_err(), "nothing is in flight without a key");
        assert_eq!(problem(&with, 504, None), Ok(Meaning::SendAgain));
        for status in [400, 403, 404, 413, 500, 501] {
            assert!(problem(&with, status, Some("1")).is_err(), "{status}");
        }
    }
}
