//! Checks an answer against the contract: status, headers and body as in `openapi/post-log.yml` and `docs/devices.md`.

use std::time::Duration;

use serde_json::Value;

use super::Answer;

/// The properties of a request that determine the right answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) codes: usize,
    pub(crate) has_key: bool,
    /// Another stored batch has the key, so this one must be refused.
    pub(crate) under_used_key: bool,
    /// In queued mode: POST answers 202 and does not ask the ledger.
    pub(crate) queued: bool,
}

/// The meaning of an answer for its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// 200, or 202 in queued mode: the batch is done.
    Stored { duplicate: bool },
    /// 422: another batch has the key.
    Refused,
    /// Keep the batch and send it again, after the time in `Retry-After`.
    SendAgain(Option<Duration>),
}

impl Answer {
    /// The meaning, or a sentence on what is wrong with the answer.
    pub(crate) fn meaning(&self, sent: Sent) -> Result<Meaning, String> {
        let Ok(json) = serde_json::from_slice::<Value>(&self.body) else { return self.wrong("is not JSON") };
        if self.header("access-control-allow-origin").is_none() {
            return self.wrong("allows no origin");
        }
        if !is_text(&json["request_id"]) {
            return self.wrong("has no request_id");
        }
        if self.status == if sent.queued { 202 } else { 200 } {
            self.receipt(sent, &json)
        } else {
            self.problem(sent, &json)
        }
    }

    fn receipt(&self, sent: Sent, json: &Value) -> Result<Meaning, String> {
        let is_receipt = self.header("content-type") == Some("application/json")
            && json["accepted"] == sent.codes
            && json["rejected"] == 0
            && json["errors"].as_array().is_some_and(Vec::is_empty);
        match json["duplicate"].as_bool() {
            Some(_) if is_receipt && sent.under_used_key => self.wrong("acknowledges another batch under a used key"),
            Some(duplicate) if is_receipt && (!duplicate || (sent.has_key && !sent.queued)) => {
                Ok(Meaning::Stored { duplicate })
            }
            _ => self.wrong("is not this batch's receipt"),
        }
    }

    /// A problem of RFC 9457.
    fn problem(&self, sent: Sent, json: &Value) -> Result<Meaning, String> {
        let is_problem = self.header("content-type") == Some("application/problem+json")
            && json["status"] == self.status
            && ["type", "title", "detail"].into_iter().all(|field| is_text(&json[field]));
        if !is_problem {
            return self.wrong("is no problem of RFC 9457");
        }
        let seconds =
            self.header("retry-after").and_then(|seconds| seconds.parse().ok()).filter(|seconds| *seconds > 0);
        let wait = seconds.map(Duration::from_secs);
        match self.status {
            422 if sent.under_used_key => Ok(Meaning::Refused),
            409 if sent.queued && sent.has_key => self.wrong("asks no ledger"),
            409 if !sent.has_key => self.wrong("is no answer to this batch"),
            409 | 429 | 502 | 503 if wait.is_none() => self.wrong("has no Retry-After"),
            409 | 429 | 502 | 503 | 504 => Ok(Meaning::SendAgain(wait)),
            _ => self.wrong("is no answer to this batch"),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A sentence for the report.
    pub(crate) fn wrong<T>(&self, what: &str) -> Result<T, String> {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        Err(format!("{} {what}: {body}", self.status))
    }
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    const RECEIPT: &str = r#"{"accepted":2,"rejected":0,"duplicate":false,"errors":[],"request_id":"r"}"#;

    const WITHOUT: Sent = Sent { codes: 2, has_key: false, under_used_key: false, queued: false };
    const WITH: Sent = Sent { has_key: true, ..WITHOUT };
    const OTHER: Sent = Sent { under_used_key: true, ..WITH };
    const QUEUED: Sent = Sent { queued: true, ..WITH };

    fn answer(status: u16, content_type: &'static str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        headers.insert("content-type", HeaderValue::from_static(content_type));
        Answer { status, headers, body: body.to_owned().into() }
    }

    fn receipt(sent: Sent, status: u16, body: &str) -> Result<Meaning, String> {
        answer(status, "application/json", body).meaning(sent)
    }

    fn problem(sent: Sent, status: u16, retry_after: Option<&'static str>) -> Result<Meaning, String> {
        let body = format!(r#"{{"type":"about:blank","title":"t","status":{status},"detail":"d","request_id":"r"}}"#);
        let mut answer = answer(status, "application/problem+json", &body);
        answer.headers.extend(retry_after.map(|value| (http::header::RETRY_AFTER, HeaderValue::from_static(value))));
        answer.meaning(sent)
    }

    #[test]
    fn only_the_receipt_of_this_batch_acknowledges_it() {
        assert_eq!(receipt(WITHOUT, 200, RECEIPT), Ok(Meaning::Stored { duplicate: false }));
        let again = RECEIPT.replace("false", "true");
        assert_eq!(receipt(WITH, 200, &again), Ok(Meaning::Stored { duplicate: true }));
        let rejected = RECEIPT.replace("\"rejected\":0", "\"rejected\":1");
        for wrong in [&again, &rejected, &RECEIPT.replace('2', "1"), &RECEIPT.replace("\"r\"", "\"\""), "{", "{}"] {
            assert!(receipt(WITHOUT, 200, wrong).is_err(), "{wrong}");
        }
        let bare = Answer { status: 200, headers: HeaderMap::new(), body: RECEIPT.into() };
        assert!(bare.meaning(WITH).is_err(), "no headers");
    }

    #[test]
    fn in_queued_mode_202_acknowledges_and_never_says_duplicate() {
        assert_eq!(receipt(QUEUED, 202, RECEIPT), Ok(Meaning::Stored { duplicate: false }));
        assert!(receipt(QUEUED, 202, &RECEIPT.replace("false", "true")).is_err());
        assert!(receipt(QUEUED, 200, RECEIPT).is_err());
        assert!(receipt(WITH, 202, RECEIPT).is_err());
    }

    #[test]
    fn only_another_batch_under_a_used_key_is_refused() {
        assert_eq!(problem(OTHER, 422, None), Ok(Meaning::Refused));
        assert!(receipt(OTHER, 200, RECEIPT).is_err());
        assert!(problem(WITH, 422, None).is_err());
    }

    #[test]
    fn a_temporary_failure_must_say_when_to_send_again() {
        let after_a_second = Ok(Meaning::SendAgain(Some(Duration::from_secs(1))));
        for status in [429, 502, 503] {
            assert_eq!(problem(WITHOUT, status, Some("1")), after_a_second);
            for wrong in [None, Some("0"), Some("soon")] {
                assert!(problem(WITHOUT, status, wrong).is_err(), "{status} {wrong:?}");
            }
        }
        assert_eq!(problem(WITH, 409, Some("1")), after_a_second);
        assert!(problem(WITHOUT, 409, Some("1")).is_err(), "nothing is in flight without a key");
        assert!(problem(QUEUED, 409, Some("1")).is_err(), "a queue asks no ledger");
        assert_eq!(problem(WITH, 504, None), Ok(Meaning::SendAgain(None)));
        for status in [400, 403, 404, 413, 500, 501] {
            assert!(problem(WITH, status, Some("1")).is_err(), "{status}");
        }
    }
}
