//! Queued mode: sends a batch to SQS as a message, which store-logs stores.

use std::pin::Pin;
use std::time::Duration;

use aws_sdk_sqs::Client;
use logs_core::settings::{Env, SettingError};
use logs_core::{Deadline, aws};

/// The limit for one attempt; three of them fit in 9 s. SQS usually responds within tens of milliseconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);

/// The queue of `QUEUE_URL`, and the client that sends to it.
#[derive(Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// Why a message was not sent, or may not have been. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The client could not be created.
    #[error("cannot create the SQS client: {0}")]
    Client(String),
    /// SQS refused, or did not respond.
    #[error("the message was not sent: {0}")]
    Send(String),
    /// SQS did not respond in time. The message may have been sent.
    #[error("SQS did not answer in time")]
    NoAnswerInTime,
}

impl Queue {
    /// `QUEUE_URL`; `None` without it. Credentials, and the endpoint where it is not AWS's own (`AWS_ENDPOINT_URL_SQS`),
    /// come from the environment; the region too, unless the URL has it.
    pub fn from_environment(env: Env<'_>) -> Result<Option<Self>, Box<dyn std::error::Error + Send + Sync>> {
        let Some(url) = queue_url(env)? else { return Ok(None) };
        let config = aws::config("SQS", region(&url), ATTEMPT_LIMIT);
        let config = config.map_err(|error| QueueError::Client(aws::explain(&error)))?;
        Ok(Some(Self { client: Client::new(&config), url }))
    }

    /// Sends one message: the whole batch or nothing. Retries a failed attempt until the deadline. The key in the
    /// message stays the same, so the batch is stored once.
    pub async fn send(&self, body: String, deadline: Deadline) -> Result<(), QueueError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let outcome = async { request.send().await.map(drop).map_err(|error| QueueError::Send(aws::explain(&error))) };
        // Boxed to keep the SDK's type out of every caller's future.
        let outcome: Pin<Box<dyn Future<Output = Result<(), QueueError>> + Send>> = Box::pin(outcome);
        deadline.limit(outcome).await.unwrap_or(Err(QueueError::NoAnswerInTime))
    }
}

fn queue_url(env: Env<'_>) -> Result<Option<String>, SettingError> {
    let Some(url) = env("QUEUE_URL").filter(|url| !url.is_empty()) else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    // A URL of SQS has host, account and name.
    let is_url = rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()))
        && rest.is_some_and(|rest| rest.split('/').filter(|part| !part.is_empty()).count() >= 2);
    if !is_url {
        let expected = "a URL like https://sqs.eu-central-1.amazonaws.com/123456789012/error-codes";
        return Err(SettingError::Invalid { variable: "QUEUE_URL", expected });
    }
    Ok(Some(url))
}

/// `https://sqs.eu-central-1.amazonaws.com/123456789012/name`
fn region(url: &str) -> Option<&str> {
    let (region, domain) = url.strip_prefix("https://sqs.")?.split_once('.')?;
    domain.starts_with("amazonaws.").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/error-codes-dev";

    fn parsed(url: &str) -> Result<Option<String>, SettingError> {
        queue_url(&|name| (name == "QUEUE_URL").then(|| url.to_owned()))
    }

    #[test]
    fn the_region_is_that_of_the_queue() {
        assert_eq!(region(URL), Some("eu-central-1"));
        assert_eq!(region("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/name"), Some("cn-north-1"));
        assert_eq!(region("http://127.0.0.1:5000/123456789012/name"), None);
    }

    #[test]
    fn without_a_queue_there_is_no_queued_mode() {
        assert_eq!(queue_url(&|_| None), Ok(None));
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(parsed(URL), Ok(Some(URL.to_owned())));
    }

    #[test]
    fn the_error_of_an_invalid_queue_url_names_the_variable() {
        for url in ["error-codes", "arn:aws:sqs:eu-central-1:123456789012:error-codes", "https://", "https://a b/1/2"] {
            assert!(parsed(url).unwrap_err().to_string().starts_with("QUEUE_URL"), "{url}");
        }
    }
}
