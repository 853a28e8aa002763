//! Secrets, in Secrets Manager or in Parameter Store.

use std::fmt;

use serde_json::json;

use super::signed_call::{CallError, Operation, Service};

/// Secrets Manager: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
const GET_SECRET: Operation = Operation {
    service: Service { name: "secretsmanager", endpoint: "SECRETS_MANAGER" },
    target: "secretsmanager.GetSecretValue",
};

/// Parameter Store: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
const GET_PARAMETER: Operation =
    Operation { service: Service { name: "ssm", endpoint: "SSM" }, target: "AmazonSSM.GetParameter" };

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In Secrets Manager, under this ARN.
    Arn(String),
    /// In Parameter Store, a `SecureString` of this name.
    Parameter(String),
}

/// Why a secret could not be read, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The service refused. Its message names the missing permission or secret.
    #[error("{0} refused to give the secret: {1}")]
    Refused(&'static str, String),
    /// No response, or a malformed one.
    #[error("{0} is out of reach: {1}")]
    OutOfReach(&'static str, String),
    /// The secret is binary.
    #[error("the secret holds no text")]
    NotText,
    /// The parameter is not encrypted, so it is no secret.
    #[error("the parameter is no SecureString")]
    NotSecure,
}

impl Secret {
    /// Reads its current value.
    pub(crate) async fn read(&self) -> Result<String, SecretError> {
        let answer = match self {
            Self::Arn(arn) => GET_SECRET.call(region(arn), &json!({ "SecretId": arn })).await,
            Self::Parameter(name) => GET_PARAMETER.call(None, &json!({ "Name": name, "WithDecryption": true })).await,
        };
        let answer = answer.map_err(|error| match error {
            CallError::Refused(reason) => SecretError::Refused(self.service(), reason),
            CallError::OutOfReach(reason) => SecretError::OutOfReach(self.service(), reason),
        })?;
        let value = match self {
            Self::Arn(_) => &answer["SecretString"],
            Self::Parameter(_) if answer["Parameter"]["Type"] != "SecureString" => return Err(SecretError::NotSecure),
            Self::Parameter(_) => &answer["Parameter"]["Value"],
        };
        value.as_str().map(str::to_owned).ok_or(SecretError::NotText)
    }

    /// The service that keeps it.
    pub(crate) fn service(&self) -> &'static str {
        match self {
            Self::Arn(_) => "Secrets Manager",
            Self::Parameter(_) => "Parameter Store",
        }
    }
}

/// The name that operators know it by.
impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arn(arn) => write!(formatter, "the secret {arn}"),
            Self::Parameter(name) => write!(formatter, "the parameter {name}"),
        }
    }
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
