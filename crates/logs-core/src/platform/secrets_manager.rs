//! Reads secrets from AWS Secrets Manager.
//!
//! Each read creates its own client: reads happen about once per environment, and a connection kept for the next read
//! would not survive the freeze in between.

use std::error::Error;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use crate::aws;

/// The limit for one attempt. Secrets Manager usually responds within tens of milliseconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);

/// Why a secret could not be read, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager refused. Its message names the missing permission or secret.
    #[error("Secrets Manager refused to give the secret: {0}")]
    Refused(String),
    /// No response, or a malformed one.
    #[error("Secrets Manager is out of reach: {0}")]
    OutOfReach(String),
    /// The secret is binary.
    #[error("the secret holds no text")]
    NotText,
}

/// The current value of a secret. The region is that of the ARN; credentials, and the endpoint where it is not AWS's own
/// (`AWS_ENDPOINT_URL_SECRETS_MANAGER`), come from the environment.
pub(crate) async fn read(arn: &str) -> Result<String, SecretError> {
    let answer = client(arn)?.get_secret_value().secret_id(arn).send().await;
    match answer {
        Ok(secret) => secret.secret_string.ok_or(SecretError::NotText),
        Err(error) => Err(explain(&error)),
    }
}

/// A 4xx is a refusal. No response, a malformed one or a 5xx means that Secrets Manager is out of reach.
fn explain<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> SecretError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let refusal = error.as_service_error().filter(|_| status.is_none_or(|status| status < 500));
    match (refusal.and_then(ProvideErrorMetadata::code), refusal.and_then(ProvideErrorMetadata::message), status) {
        (Some(code), message, _) => SecretError::Refused(format!("{} ({code})", message.unwrap_or("without a reason"))),
        (None, _, Some(status)) => SecretError::OutOfReach(format!("HTTP {status}: {}", aws::explain(error))),
        (None, _, None) => SecretError::OutOfReach(aws::explain(error)),
    }
}

fn client(arn: &str) -> Result<Client, SecretError> {
    let config = aws::config("SECRETS_MANAGER", region(arn), ATTEMPT_LIMIT);
    config.map(|config| Client::new(&config)).map_err(|error| SecretError::OutOfReach(aws::explain(&error)))
}

/// `arn:aws:secretsmanager:eu-central-1:123456789012:secret:name-AbCdEf`
fn region(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_secret() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:name-AbCdEf";
        assert_eq!(region(arn), Some("eu-central-1"));
        assert_eq!(region("name"), None);
    }
}
