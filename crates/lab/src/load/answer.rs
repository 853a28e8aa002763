//! What an answer means for the batch that was sent: `openapi/post-log.yml` and `docs/devices.md` have the rules.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// So many answers that should not have been are shown; all are counted.
const SHOWN: usize = 5;

/// After an answer that should not have been.
const PAUSE: Duration = Duration::from_millis(500);

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Forget the batch.
    Accepted,
    /// Documented throttling: send it again when this time is over.
    Throttled(Duration),
}

/// What was answered, by all clients.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// How many answers, by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Answers that are neither the right receipt nor documented throttling, and connections that broke.
    pub(crate) errors: u64,
    /// The first of them.
    pub(crate) errors_shown: Vec<String>,
}

#[derive(Deserialize)]
struct Receipt {
    accepted: usize,
    rejected: usize,
}

/// Reads the answer to a batch of so many codes; `expected` is the status of a batch that is accepted.
pub(crate) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    expected: u16,
    codes: usize,
) -> Result<Meaning, String> {
    if status == expected
        && let Ok(Receipt { accepted, rejected: 0 }) = serde_json::from_slice(body)
        && accepted == codes
    {
        return Ok(Meaning::Accepted);
    }
    let wait = headers.get(http::header::RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    match (status, wait) {
        (429 | 502, Some(seconds)) => Ok(Meaning::Throttled(Duration::from_secs(seconds))),
        _ => Err(format!("{status}: {}", String::from_utf8_lossy(body).chars().take(300).collect::<String>())),
    }
}

impl Tally {
    pub(crate) fn answered(&self, status: u16) {
        *self.counts().statuses.entry(status).or_default() += 1;
    }

    /// How long to wait before sending again.
    pub(crate) fn error(&self, what: String) -> Duration {
        let mut counts = self.counts();
        counts.errors += 1;
        if counts.errors_shown.len() < SHOWN {
            counts.errors_shown.push(what);
        }
        PAUSE
    }

    pub(crate) fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// How many batches were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        [200, 202].iter().filter_map(|status| self.statuses.get(status)).sum()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const RECEIPT: &str = r#"{"accepted":2,"rejected":0,"duplicate":false,"errors":[],"request_id":"r"}"#;

    fn meaning(status: u16, wait: Option<&'static str>, body: &str, codes: usize) -> Result<Meaning, String> {
        let wait = wait.map(|seconds| (http::header::RETRY_AFTER, HeaderValue::from_static(seconds)));
        read(status, &wait.into_iter().collect(), body.as_bytes(), 202, codes)
    }

    #[test]
    fn the_whole_batch_is_accepted_or_it_is_an_error() {
        assert_eq!(meaning(202, None, RECEIPT, 2), Ok(Meaning::Accepted));
        assert!(meaning(202, None, RECEIPT, 3).is_err());
        assert!(meaning(202, None, &RECEIPT.replace("\"rejected\":0", "\"rejected\":1"), 2).is_err());
        assert!(meaning(200, None, RECEIPT, 2).is_err(), "another mode's");
    }

    #[test]
    fn throttling_is_documented_where_it_says_how_long() {
        for status in [429, 502] {
            assert_eq!(meaning(status, Some("1"), "{}", 2), Ok(Meaning::Throttled(Duration::from_secs(1))));
            assert!(meaning(status, None, "{}", 2).is_err());
        }
        for status in [400, 403, 500, 503, 504] {
            assert!(meaning(status, Some("1"), "{}", 2).is_err(), "{status}");
        }
    }
}
