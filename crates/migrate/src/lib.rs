//! Brings the database up to date: the schema, then the users. The event's content is ignored. Running it again is
//! harmless.

use lambda_runtime::Diagnostic;
use logs_core::Secret;
use logs_core::mysql::{
    DatabaseSettings, DatabaseUser, MigrationReport, QueryIndexes, Rights, UserLogin, migrate_with_users,
};
use logs_core::settings::{Env, SettingError, iam_user, secret};

const STORE_LOGS: (&str, &str) = ("STORE_LOGS_SECRET_ARN", "STORE_LOGS_IAM_USER");

/// The settings of a run.
#[derive(Debug)]
pub struct Migration {
    settings: DatabaseSettings,
    users: Vec<DatabaseUser>,
    indexes: Option<QueryIndexes>,
}

impl Migration {
    /// `DB_SECRET_ARN` (or `DB_PARAMETER_NAME`, or `DATABASE_URL`) is the administrator's login. `POST_LOG_SECRET_ARN`, `GET_LOGS_SECRET_ARN`,
    /// `RETENTION_SECRET_ARN`, `SUMMARIZE_SECRET_ARN` and, with a queue, `STORE_LOGS_SECRET_ARN` are the secrets of the
    /// users to create or update. In place of each, `POST_LOG_IAM_USER` and so on name a user that logs in by IAM.
    /// `QUERY_INDEXES`: see [`QueryIndexes`].
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let user = |variables, rights| Ok(DatabaseUser { login: login(env, variables)?, rights });
        let settings = DatabaseSettings::from_environment(env)?;
        let mut users = vec![
            user(("POST_LOG_SECRET_ARN", "POST_LOG_IAM_USER"), Rights::AddLogs)?,
            user(("GET_LOGS_SECRET_ARN", "GET_LOGS_IAM_USER"), Rights::ReadLogs)?,
            user(("RETENTION_SECRET_ARN", "RETENTION_IAM_USER"), Rights::DeleteOld)?,
            user(("SUMMARIZE_SECRET_ARN", "SUMMARIZE_IAM_USER"), Rights::Summarize)?,
        ];
        if env(STORE_LOGS.0).is_some() || env(STORE_LOGS.1).is_some() {
            users.push(user(STORE_LOGS, Rights::AddLogs)?);
        }
        Ok(Self { settings, users, indexes: QueryIndexes::from_environment(env)? })
    }

    /// Brings schema and users up to date. The result is like `{"version":5,"applied":[1,2,3,4,5],"users":[…]}`.
    ///
    /// # Errors
    /// What Lambda shows to the operator who called it.
    pub async fn run(&self) -> Result<MigrationReport, Diagnostic> {
        match Box::pin(migrate_with_users(&self.settings, &self.users, self.indexes)).await {
            Ok(report) => {
                let MigrationReport { version, applied, users } = &report;
                tracing::info!(version, ?applied, ?users, "the database is up to date");
                Ok(report)
            }
            Err(error) => {
                tracing::error!(%error, "the database is not up to date");
                Err(Diagnostic { error_type: "MigrationFailed".to_owned(), error_message: error.to_string() })
            }
        }
    }
}

/// How a user logs in, given by one of the two variables.
fn login(env: Env<'_>, (by_secret, by_iam): (&'static str, &'static str)) -> Result<UserLogin, SettingError> {
    match (env(by_secret), env(by_iam)) {
        (Some(_), Some(_)) => Err(SettingError::Both(by_secret, by_iam)),
        (_, None) => Ok(UserLogin::Secret(Secret::Arn(secret(env, by_secret)?))),
        (None, Some(_)) => Ok(UserLogin::Iam(iam_user(env, by_iam)?)),
    }
}
