//! Brings the database up to date: schema, then users. What the event says is not looked at; running it again is
//! harmless.

use std::time::Duration;

use lambda_runtime::Diagnostic;
use logs_core::Deadline;
use logs_core::mysql::{
    DatabaseUser, LoginError, MigrateError, MigrationReport, Rights, migrate_with_users, read_credentials,
};
use logs_core::settings::{DatabaseSettings, Lookup, SettingError, secret};

/// How long reading one function's secret may take.
const SECRET_LIMIT: Duration = Duration::from_secs(10);

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Migration {
    settings: DatabaseSettings,
    post_log_secret: String,
    get_logs_secret: String,
}

/// Why a run failed, in a sentence for the operator who started it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A function's secret is of no use.
    #[error(transparent)]
    Secret(#[from] LoginError),
    /// The database could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// What Lambda shows to whoever called.
impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self { error_type: "MigrationFailed".to_owned(), error_message: failure.to_string() }
    }
}

impl Migration {
    /// `DB_SECRET_ARN` (or `DATABASE_URL`) names the user who may do it all; `POST_LOG_SECRET_ARN` and
    /// `GET_LOGS_SECRET_ARN` hold the users to create or update.
    pub fn from_environment(lookup: Lookup<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            settings: DatabaseSettings::from_environment(lookup)?,
            post_log_secret: secret(lookup, "POST_LOG_SECRET_ARN")?,
            get_logs_secret: secret(lookup, "GET_LOGS_SECRET_ARN")?,
        })
    }

    /// Brings schema and users up to date; `{"version":2,"applied":[1,2],"users":[…]}` says what was done.
    pub async fn run(&self) -> Result<MigrationReport, Failure> {
        match Box::pin(self.bring_up_to_date()).await {
            Ok(report) => {
                let MigrationReport { version, applied, users } = &report;
                tracing::info!(version, ?applied, ?users, "the database is up to date");
                Ok(report)
            }
            Err(failure) => {
                tracing::error!(error = %failure, "the database is not up to date");
                Err(failure)
            }
        }
    }

    async fn bring_up_to_date(&self) -> Result<MigrationReport, Failure> {
        let mut users = Vec::new();
        for (arn, rights) in [(&self.post_log_secret, Rights::AddLogs), (&self.get_logs_secret, Rights::ReadLogs)] {
            let credentials = read_credentials(arn, Deadline::within(SECRET_LIMIT)).await?;
            users.push(DatabaseUser { credentials, rights });
        }
        Ok(migrate_with_users(&self.settings, &users).await?)
    }
}
