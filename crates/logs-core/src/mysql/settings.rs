//! Server and credentials from the environment: `DATABASE_URL`, or `DB_SECRET_ARN` and the settings that go with it.

use std::borrow::Cow;
use std::fmt;

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::settings::{Env, SettingError, secret};
use crate::{Credentials, certificates};

/// MySQL's port, used unless a setting or the secret names another one.
const PORT: u16 = 3306;

/// Where the database is and who logs in there.
#[derive(Clone)]
pub struct DatabaseSettings(Source);

#[derive(Clone)]
pub(super) enum Source {
    Url(Box<MySqlConnectOptions>),
    Secret(SecretSettings),
}

/// Shows no value: it may be a password.
impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DatabaseSettings").finish_non_exhaustive()
    }
}

const DATABASE_URL: &str = "a URL like mysql://user:password@host:3306/Error_Logs";

impl DatabaseSettings {
    /// From either of:
    /// - `DATABASE_URL`: `mysql://user:password@host:port/database`, with
    ///   `?ssl-mode=VERIFY_IDENTITY&ssl-ca=…` where the connection leaves the machine;
    /// - `DB_SECRET_ARN`: a secret with the credentials ([`Credentials`]); `DB_HOST`, `DB_PORT` (3306) and `DB_NAME`
    ///   for what it does not hold. Always TLS, with the server's name checked, by RDS's certificates or by those in
    ///   the file that `DB_CA_BUNDLE` names.
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        match (env("DATABASE_URL"), env("DB_SECRET_ARN")) {
            (Some(_), Some(_)) => Err(SettingError::Both("DATABASE_URL", "DB_SECRET_ARN")),
            (Some(url), None) => Self::from_url(&url),
            (None, Some(_)) => Ok(Self(Source::Secret(SecretSettings::from_environment(env)?))),
            (None, None) => Err(SettingError::Missing {
                variable: "DB_SECRET_ARN",
                expected: "the ARN of a secret in Secrets Manager (or set DATABASE_URL instead)",
            }),
        }
    }

    /// From a URL as in `DATABASE_URL`.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        let invalid = SettingError::Invalid { variable: "DATABASE_URL", expected: DATABASE_URL };
        if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
            return Err(invalid);
        }
        let options: MySqlConnectOptions = url.parse().map_err(|_| invalid.clone())?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(invalid);
        }
        Ok(Self(Source::Url(Box::new(options))))
    }

    pub(super) fn source(&self) -> &Source {
        &self.0
    }
}

/// A secret, and the settings for what it lacks.
#[derive(Clone)]
pub(super) struct SecretSettings {
    pub(super) arn: String,
    host: Option<String>,
    port: u16,
    name: Option<String>,
    certificates: Cow<'static, [u8]>,
}

impl SecretSettings {
    fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let filled = |variable| env(variable).filter(|value| !value.is_empty());
        let invalid = |variable, expected| SettingError::Invalid { variable, expected };
        let port = match filled("DB_PORT") {
            Some(port) => port.parse().ok().filter(|port| *port > 0),
            None => Some(PORT),
        };
        let certificates = match filled("DB_CA_BUNDLE") {
            Some(path) => std::fs::read(path).ok().filter(|pem| has_certificate(pem)).map(Cow::Owned),
            None => Some(Cow::Borrowed(certificates::RDS)),
        };
        Ok(Self {
            arn: secret(env, "DB_SECRET_ARN")?,
            host: filled("DB_HOST"),
            port: port.ok_or_else(|| invalid("DB_PORT", "a number from 1 to 65535"))?,
            name: filled("DB_NAME"),
            certificates: certificates
                .ok_or_else(|| invalid("DB_CA_BUNDLE", "the path of a file with certificates (PEM)"))?,
        })
    }

    /// A setting that contradicts the secret. The secret wins, but functions with other secrets would use the setting.
    #[cfg(feature = "migrate")]
    pub(super) fn contradiction(&self, credentials: &Credentials) -> Option<&'static str> {
        let Self { host, port, name, .. } = self;
        let differ = |held: &Option<String>, set: &Option<String>, alike: fn(&str, &str) -> bool| match (held, set) {
            (Some(held), Some(set)) => !alike(held, set),
            _ => false,
        };
        if differ(&credentials.host, host, str::eq_ignore_ascii_case) {
            Some("DB_HOST")
        } else if credentials.port.is_some_and(|held| held != *port) {
            Some("DB_PORT")
        } else if differ(&credentials.database, name, |held, set| held == set) {
            Some("DB_NAME")
        } else {
            None
        }
    }

    /// The values of the secret, completed by the settings.
    pub(super) fn options(&self, credentials: &Credentials) -> Result<MySqlConnectOptions, SettingError> {
        let missing = |variable, expected| SettingError::Missing { variable, expected };
        let host = credentials.host.as_ref().or(self.host.as_ref());
        let name = credentials.database.as_ref().or(self.name.as_ref());
        let host = host.ok_or(missing("DB_HOST", "the database's host name, since the secret does not hold it"))?;
        let name = name.ok_or(missing("DB_NAME", "the database's name, since the secret does not hold it"))?;
        Ok(MySqlConnectOptions::new()
            .host(host)
            .port(credentials.port.unwrap_or(self.port))
            .username(&credentials.username)
            .password(&credentials.password)
            .database(name)
            .ssl_mode(MySqlSslMode::VerifyIdentity)
            .ssl_ca_from_pem(self.certificates.to_vec()))
    }
}

fn has_certificate(pem: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    pem.windows(BEGIN.len()).any(|window| window == BEGIN)
}

#[cfg(test)]
mod tests;
