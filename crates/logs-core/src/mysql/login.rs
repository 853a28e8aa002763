//! Who logs in where: by URL, or by a secret that is read once per environment, and again when it has become old.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;

use super::settings::{DatabaseSettings, SecretSettings, Source};
use crate::platform::secrets_manager;
use crate::settings::SettingError;
use crate::{Credentials, CredentialsError, Deadline, SecretError};

/// How long reading the secret may take, all attempts together.
const READ_LIMIT: Duration = Duration::from_secs(3);

/// Why nobody can log in; nothing was sent to the database.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The secret cannot be read.
    #[error("the secret {arn} cannot be read: {error}")]
    Secret {
        /// Which one.
        arn: String,
        /// Why.
        #[source]
        error: SecretError,
    },
    /// The secret was not read in time.
    #[error("the secret {0} could not be read in time; can this function reach Secrets Manager?")]
    Silent(String),
    /// The secret can be read, and is of no use.
    #[error("the secret {arn} {error}")]
    Contents {
        /// Which one.
        arn: String,
        /// What is wrong with it.
        #[source]
        error: CredentialsError,
    },
    /// The secret leaves something open that no setting says either.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

pub(super) struct Login {
    settings: DatabaseSettings,
    known: Mutex<Option<Credentials>>,
}

impl Login {
    pub(super) fn new(settings: &DatabaseSettings) -> Self {
        Self { settings: settings.clone(), known: Mutex::new(None) }
    }

    /// How to log in, as far as is known; the secret is read if it was not yet.
    pub(super) async fn options(&self, deadline: Deadline) -> Result<MySqlConnectOptions, LoginError> {
        let secret = match self.settings.source() {
            Source::Url(options) => return Ok((**options).clone()),
            Source::Secret(secret) => secret,
        };
        let known = self.known();
        let credentials = match known {
            Some(credentials) => credentials,
            None => self.learn(secret, deadline).await?,
        };
        Ok(secret.options(&credentials)?)
    }

    /// After the server refused the password: how to log in by what the secret says now, `None` if it says the same.
    pub(super) async fn renewed(&self, deadline: Deadline) -> Result<Option<MySqlConnectOptions>, LoginError> {
        let Source::Secret(secret) = self.settings.source() else { return Ok(None) };
        let refused = self.known();
        let credentials = self.learn(secret, deadline).await?;
        if refused.as_ref() == Some(&credentials) {
            return Ok(None);
        }
        tracing::info!(username = credentials.username, "the secret has changed");
        Ok(Some(secret.options(&credentials)?))
    }

    /// The setting that says something else than the secret does, once that is known.
    #[cfg(feature = "migrate")]
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        match (self.settings.source(), self.known()) {
            (Source::Secret(secret), Some(credentials)) => secret.contradiction(&credentials),
            _ => None,
        }
    }

    fn known(&self) -> Option<Credentials> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn learn(&self, secret: &SecretSettings, deadline: Deadline) -> Result<Credentials, LoginError> {
        let credentials = read_credentials(&secret.arn, deadline).await?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
        Ok(credentials)
    }
}

/// Reads the credentials that a secret holds, within 3 s and the deadline.
pub(super) async fn read_credentials(arn: &str, deadline: Deadline) -> Result<Credentials, LoginError> {
    let json = match deadline.at_most(READ_LIMIT).limit(secrets_manager::read(arn)).await {
        Ok(read) => read.map_err(|error| LoginError::Secret { arn: arn.to_owned(), error })?,
        Err(_) => return Err(LoginError::Silent(arn.to_owned())),
    };
    tracing::debug!("the secret was read");
    Credentials::parse(&json).map_err(|error| LoginError::Contents { arn: arn.to_owned(), error })
}
