//! Server and credentials: from a URL, from a secret that is read once per environment and again after a rotation, or by
//! an IAM token that is made for each login.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;

use super::settings::{IamSettings, SecretSettings, Source};
use crate::platform::iam_token::{self, Connect, TokenError};
use crate::settings::SettingError;
use crate::{Credentials, CredentialsError, Deadline, Secret, SecretError};

/// The limit for reading the secret, all attempts together.
const READ_LIMIT: Duration = Duration::from_secs(3);

/// Why the credentials are not known. Nothing was sent to the database.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The secret cannot be read.
    #[error("{secret} cannot be read: {error}")]
    Secret {
        /// Which one.
        secret: Secret,
        /// Why.
        #[source]
        error: SecretError,
    },
    /// The secret was not read in time.
    #[error("{0} could not be read in time; can this function reach {service}?", service = .0.service())]
    Silent(Secret),
    /// The secret can be read, but not used.
    #[error("{secret} {error}")]
    Contents {
        /// Which one.
        secret: Secret,
        /// What is wrong with it.
        #[source]
        error: CredentialsError,
    },
    /// There is no IAM token.
    #[error("{user} cannot log in by IAM: {error}")]
    Token {
        /// The database user.
        user: String,
        /// Why.
        #[source]
        error: TokenError,
    },
    /// A value is neither in the secret nor in a setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

pub(super) struct Login {
    source: Source,
    known: Mutex<Option<Credentials>>,
}

impl Login {
    pub(super) fn new(source: &Source) -> Self {
        Self { source: source.clone(), known: Mutex::new(None) }
    }

    /// How to log in. Reads the secret if that has not happened yet; makes a new token each time.
    pub(super) async fn options(&self, deadline: Deadline) -> Result<MySqlConnectOptions, LoginError> {
        let secret = match &self.source {
            Source::Url(options) => return Ok((**options).clone()),
            Source::Iam(iam) => return with_token(iam).await,
            Source::Secret(secret) => secret,
        };
        let known = self.known();
        let credentials = match known {
            Some(credentials) => credentials,
            None => self.learn(secret, deadline).await?,
        };
        Ok(secret.options(&credentials)?)
    }

    /// How to log in after the server refused the login: reads the secret again. `None` if it has not changed. A refused
    /// token was new already.
    pub(super) async fn renewed(&self, deadline: Deadline) -> Result<Option<MySqlConnectOptions>, LoginError> {
        let Source::Secret(secret) = &self.source else { return Ok(None) };
        let refused = self.known();
        let credentials = self.learn(secret, deadline).await?;
        if refused.as_ref() == Some(&credentials) {
            return Ok(None);
        }
        tracing::info!(username = credentials.username, "the secret has changed");
        Ok(Some(secret.options(&credentials)?))
    }

    /// Says in the log what to look at when the server refuses a token: it gives no reason itself.
    pub(super) fn explain_refusal(&self) {
        if let Source::Iam(IamSettings { user, host, .. }) = &self.source {
            tracing::warn!(
                user,
                host,
                "the IAM token was refused: did migrate create this user for IAM, does the function's role allow \
                 rds-db:connect as this user, and is DB_HOST the name that RDS gave the server?"
            );
        }
    }

    /// A setting that contradicts the secret, once the secret was read.
    #[cfg(feature = "migrate")]
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match (&self.source, self.known()) {
            (Source::Secret(secret), Some(credentials)) => secret.contradiction(&credentials),
            _ => None,
        }
    }

    fn known(&self) -> Option<Credentials> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn learn(&self, secret: &SecretSettings, deadline: Deadline) -> Result<Credentials, LoginError> {
        let credentials = read_credentials(&secret.secret, deadline).await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
        Ok(credentials)
    }
}

async fn with_token(iam: &IamSettings) -> Result<MySqlConnectOptions, LoginError> {
    let IamSettings { user, host, region, .. } = iam;
    let token = iam_token::create(Connect { host, port: iam.port(), region, user }).await;
    Ok(iam.options(&token.map_err(|error| LoginError::Token { user: user.clone(), error })?))
}

/// Reads the credentials that a secret holds, within 3 s and the deadline.
pub(super) async fn read_credentials(secret: &Secret, deadline: Deadline) -> Result<Credentials, LoginError> {
    let json = match deadline.at_most(READ_LIMIT).limit(secret.read()).await {
        Ok(read) => read.map_err(|error| LoginError::Secret { secret: secret.clone(), error })?,
        Err(_) => return Err(LoginError::Silent(secret.clone())),
    };
    tracing::debug!("the secret was read");
    Credentials::parse(&json).map_err(|error| LoginError::Contents { secret: secret.clone(), error })
}
