//! A device's side of a POST: the request, the check of its answer, and the count of all answers.

mod answer;
mod tally;

use std::time::Duration;

use axum::body::Bytes;
use http::HeaderMap;
use tokio::time::timeout;

pub(crate) use answer::{Meaning, Sent};
pub(crate) use tally::{Counts, Tally};

/// How long a device waits for an answer. The gateway gives up after 29 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// A POST API and its key.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// The whole answer to a POST.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no answer within {} s", ANSWER_LIMIT.as_secs())]
    Overdue,
    #[error("the connection broke: {0}")]
    Broken(#[from] reqwest::Error),
}

impl Api {
    pub(crate) fn new(url: String, api_key: &str) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url, key: api_key.to_owned() })
    }

    /// Sends a batch, with or without an idempotency key.
    pub(crate) async fn post(&self, key: Option<&str>, body: &str) -> Result<Answer, NoAnswer> {
        let mut request = self.http.post(&self.url).header("x-api-key", &self.key).body(body.to_owned());
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let whole_answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Answer { status, headers, body: response.bytes().await? })
        };
        timeout(ANSWER_LIMIT, whole_answer).await.unwrap_or(Err(NoAnswer::Overdue))
    }
}
