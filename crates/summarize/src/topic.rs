//! Sends a message to an SNS topic.

use std::pin::Pin;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::error::SdkError;
use logs_core::settings::{Env, SettingError};
use logs_core::{Deadline, aws};

use crate::announcement::Announcement;

/// SNS usually responds within tens of milliseconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

const TOPIC: &str = "NEW_CODES_TOPIC_ARN";

/// A topic, and the client that sends to it.
#[derive(Debug)]
pub(crate) struct Topic {
    client: Client,
    arn: String,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// SNS has it.
    Sent,
    /// SNS refused it, or was never asked.
    NotSent(String),
    /// SNS may have it.
    Unknown(String),
}

impl Topic {
    /// `NEW_CODES_TOPIC_ARN`; `None` without it. The endpoint, where it is not AWS's own, comes from
    /// `AWS_ENDPOINT_URL_SNS`.
    pub(crate) fn from_environment(env: Env<'_>) -> Result<Option<Self>, Box<dyn std::error::Error + Send + Sync>> {
        let Some(arn) = env(TOPIC).filter(|arn| !arn.is_empty()) else { return Ok(None) };
        let config = aws::config("SNS", Some(region(&arn)?), ATTEMPT_LIMIT).map_err(|error| aws::explain(&error))?;
        // A second attempt after a lost response would send the message twice.
        let config = aws_sdk_sns::config::Builder::from(&config).retry_config(RetryConfig::disabled()).build();
        Ok(Some(Self { client: Client::from_conf(config), arn }))
    }

    /// Sends the announcement once.
    pub(crate) async fn publish(&self, announcement: Announcement, deadline: Deadline) -> Outcome {
        let Announcement { subject, text } = announcement;
        let request = self.client.publish().topic_arn(&self.arn).subject(subject).message(text);
        // Boxed to keep the SDK's type out of every caller's future.
        let outcome: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(async {
            match request.send().await {
                Ok(_) => Outcome::Sent,
                Err(error @ (SdkError::ServiceError(_) | SdkError::ConstructionFailure(_))) => {
                    Outcome::NotSent(aws::explain(&error))
                }
                Err(error) => Outcome::Unknown(aws::explain(&error)),
            }
        });
        deadline.limit(outcome).await.unwrap_or_else(|_| Outcome::Unknown("SNS did not answer in time".to_owned()))
    }
}

/// `arn:aws:sns:eu-central-1:123456789012:name`
fn region(arn: &str) -> Result<&str, SettingError> {
    let parts: Vec<_> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "sns", region, _, name] if !region.is_empty() && !name.is_empty() => Ok(region),
        _ => {
            let expected = "an ARN like arn:aws:sns:eu-central-1:123456789012:alarms";
            Err(SettingError::Invalid { variable: TOPIC, expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_topic() {
        assert_eq!(region("arn:aws:sns:eu-central-1:123456789012:alarms"), Ok("eu-central-1"));
        for arn in
            ["alarms", "arn:aws:sqs:eu-central-1:123456789012:alarms", "arn:aws:sns::1:alarms", "arn:aws:sns:r:1:"]
        {
            assert!(region(arn).expect_err("no topic").to_string().starts_with("NEW_CODES_TOPIC_ARN"), "{arn}");
        }
    }
}
