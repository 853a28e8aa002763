//! Brings the database up to date: schema, then users. What the event says is not looked at; running it again is
//! harmless.

use lambda_runtime::Diagnostic;
use logs_core::mysql::{DatabaseSettings, DatabaseUser, MigrateError, MigrationReport, Rights, migrate_with_users};
use logs_core::settings::{Env, SettingError, secret};

const STORE_LOGS: &str = "STORE_LOGS_SECRET_ARN";

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Migration {
    settings: DatabaseSettings,
    users: Vec<DatabaseUser>,
}

/// Why a run failed, in a sentence for the operator who started it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failure(#[from] MigrateError);

/// What Lambda shows to whoever called.
impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: "MigrationFailed".to_owned(), error_message: failure.to_string() }
    }
}

impl Migration {
    /// `DB_SECRET_ARN` (or `DATABASE_URL`) names the user who may do it all; `POST_LOG_SECRET_ARN`,
    /// `GET_LOGS_SECRET_ARN` and `RETENTION_SECRET_ARN` hold the users to create or update; so does
    /// `STORE_LOGS_SECRET_ARN`, where there is a queue.
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let user = |variable, rights| Ok(DatabaseUser { secret_arn: secret(env, variable)?, rights });
        let settings = DatabaseSettings::from_environment(env)?;
        let mut users = vec![
            user("POST_LOG_SECRET_ARN", Rights::AddLogs)?,
            user("GET_LOGS_SECRET_ARN", Rights::ReadLogs)?,
            user("RETENTION_SECRET_ARN", Rights::DeleteOld)?,
        ];
        if env(STORE_LOGS).is_some() {
            users.push(user(STORE_LOGS, Rights::AddLogs)?);
        }
        Ok(Self { settings, users })
    }

    /// Brings schema and users up to date; `{"version":5,"applied":[1,2,3,4,5],"users":[…]}` says what was done.
    pub async fn run(&self) -> Result<MigrationReport, Failure> {
        match Box::pin(migrate_with_users(&self.settings, &self.users)).await {
            Ok(report) => {
                let MigrationReport { version, applied, users } = &report;
                tracing::info!(version, ?applied, ?users, "the database is up to date");
                Ok(report)
            }
            Err(error) => {
                tracing::error!(%error, "the database is not up to date");
                Err(error.into())
            }
        }
    }
}
