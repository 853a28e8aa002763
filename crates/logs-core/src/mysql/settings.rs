//! Server and credentials from the environment: `DATABASE_URL`, or `DB_SECRET_ARN`, `DB_PARAMETER_NAME` or `DB_IAM_USER`
//! and the settings that go with them.

mod server;

use std::fmt;

use sqlx::mysql::MySqlConnectOptions;

use self::server::ServerSettings;
use crate::settings::{Env, SettingError, iam_user, parameter, secret};
use crate::{Credentials, Secret};

/// Where the database is and who logs in there.
#[derive(Clone)]
pub struct DatabaseSettings {
    source: Source,
    /// Tried where the server refuses the first: while a stage changes from one login to the other.
    other: Option<Source>,
}

#[derive(Clone)]
pub(super) enum Source {
    Url(Box<MySqlConnectOptions>),
    Secret(SecretSettings),
    Iam(IamSettings),
}

/// Shows no value: it may be a password.
impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DatabaseSettings").finish_non_exhaustive()
    }
}

const DATABASE_URL: &str = "DATABASE_URL";
const DB_SECRET_ARN: &str = "DB_SECRET_ARN";
const DB_PARAMETER_NAME: &str = "DB_PARAMETER_NAME";
const DB_IAM_USER: &str = "DB_IAM_USER";

const A_URL: &str = "a URL like mysql://user:password@host:3306/Error_Logs";

impl DatabaseSettings {
    /// From one of:
    /// - `DATABASE_URL`: `mysql://user:password@host:port/database`, with
    ///   `?ssl-mode=VERIFY_IDENTITY&ssl-ca=…` where the connection leaves the machine;
    /// - `DB_SECRET_ARN`: a secret with the credentials ([`Credentials`]); `DB_HOST`, `DB_PORT` (3306) and `DB_NAME`
    ///   for what it does not hold;
    /// - `DB_PARAMETER_NAME`: the same in a `SecureString` of Parameter Store;
    /// - `DB_IAM_USER`: the user that logs in with an IAM token; `DB_HOST`, `DB_PORT` (3306), `DB_NAME` and `AWS_REGION`.
    ///
    /// But for the URL always TLS, with the server's name checked, by RDS's certificates or by those in the file that
    /// `DB_CA_BUNDLE` names. `DB_LOGIN_SWITCH=true` allows a secret beside the IAM user: where the server refuses the
    /// token, the secret's password is tried.
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let is_switching = match env("DB_LOGIN_SWITCH").as_deref() {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(SettingError::Invalid { variable: "DB_LOGIN_SWITCH", expected: "true or false" }),
        };
        let given: Vec<_> = [DATABASE_URL, DB_SECRET_ARN, DB_PARAMETER_NAME, DB_IAM_USER]
            .into_iter()
            .filter(|variable| env(variable).is_some())
            .collect();
        match given[..] {
            [DATABASE_URL] => Self::from_url(&env(DATABASE_URL).unwrap_or_default()),
            [DB_IAM_USER] => Ok(Source::Iam(IamSettings::from_environment(env)?).into()),
            [secret @ (DB_SECRET_ARN | DB_PARAMETER_NAME), DB_IAM_USER] if is_switching => {
                let other = Source::Secret(SecretSettings::from_environment(env, secret)?);
                Ok(Self { source: Source::Iam(IamSettings::from_environment(env)?), other: Some(other) })
            }
            [secret] => Ok(Source::Secret(SecretSettings::from_environment(env, secret)?).into()),
            [one, other, ..] => Err(SettingError::Both(one, other)),
            [] => Err(SettingError::Missing {
                variable: DB_SECRET_ARN,
                expected: "the ARN of a secret in Secrets Manager (or set DB_PARAMETER_NAME, DB_IAM_USER or DATABASE_URL \
                           instead)",
            }),
        }
    }

    /// From a URL as in `DATABASE_URL`.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        let invalid = SettingError::Invalid { variable: DATABASE_URL, expected: A_URL };
        if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
            return Err(invalid);
        }
        let options: MySqlConnectOptions = url.parse().map_err(|_| invalid.clone())?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(invalid);
        }
        Ok(Source::Url(Box::new(options)).into())
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn other(&self) -> Option<&Source> {
        self.other.as_ref()
    }
}

impl From<Source> for DatabaseSettings {
    fn from(source: Source) -> Self {
        Self { source, other: None }
    }
}

/// A secret, and the settings for what it lacks.
#[derive(Clone)]
pub(super) struct SecretSettings {
    pub(super) secret: Secret,
    server: ServerSettings,
}

impl SecretSettings {
    /// From the variable that names the secret.
    fn from_environment(env: Env<'_>, variable: &'static str) -> Result<Self, SettingError> {
        let secret = match variable {
            DB_PARAMETER_NAME => Secret::Parameter(parameter(env, variable)?),
            _ => Secret::Arn(secret(env, variable)?),
        };
        Ok(Self { secret, server: ServerSettings::from_environment(env)? })
    }

    /// A setting that contradicts the secret. The secret wins, but functions with other secrets would use the setting.
    #[cfg(feature = "migrate")]
    pub(super) fn contradiction(&self, credentials: &Credentials) -> Option<&'static str> {
        let ServerSettings { host, port, name, .. } = &self.server;
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
        let host = credentials.host.as_ref().or(self.server.host.as_ref());
        let name = credentials.database.as_ref().or(self.server.name.as_ref());
        let host = host.ok_or(missing("DB_HOST", "the database's host name, since the secret does not hold it"))?;
        let name = name.ok_or(missing("DB_NAME", "the database's name, since the secret does not hold it"))?;
        let options = self.server.options(host, credentials.port.unwrap_or(self.server.port), name);
        Ok(options.username(&credentials.username).password(&credentials.password))
    }
}

/// The user that logs in with IAM tokens, and where.
#[derive(Clone)]
pub(super) struct IamSettings {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) region: String,
    name: String,
    server: ServerSettings,
}

impl IamSettings {
    fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let server = ServerSettings::from_environment(env)?;
        let missing = |variable, expected| SettingError::Missing { variable, expected };
        let region = env("AWS_REGION").filter(|region| !region.is_empty());
        Ok(Self {
            user: iam_user(env, DB_IAM_USER)?,
            // The token is for this name: an alias of it is refused.
            host: server.host.clone().ok_or(missing("DB_HOST", "the host name that RDS gave to the database"))?,
            region: region.ok_or(missing("AWS_REGION", "the database's region"))?,
            name: server.name.clone().ok_or(missing("DB_NAME", "the database's name"))?,
            server,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port
    }

    /// With a token as the password. The server asks for it as it is (`mysql_clear_password`), so it is sent only to a
    /// server whose name is checked.
    pub(super) fn options(&self, token: &str) -> MySqlConnectOptions {
        let options = self.server.options(&self.host, self.port(), &self.name);
        options.username(&self.user).password(token).enable_cleartext_plugin(true)
    }
}

#[cfg(test)]
mod tests;
