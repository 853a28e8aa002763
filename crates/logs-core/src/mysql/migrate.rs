//! Creates and upgrades the schema. The files of `migrations/` are compiled in.

use std::time::{Duration, Instant};

use sqlx::migrate::Migrate;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, MySqlConnection};

use super::error::{LOCK_WAIT_TIMEOUT, UNKNOWN_DATABASE, number};
use super::login::{Login, LoginError, read_credentials};
use super::migrations;
use super::query_indexes::QueryIndexes;
use super::settings::DatabaseSettings;
use super::users::{self, Account, DatabaseUser, Rights, UserError, UserLogin};
use crate::Deadline;

/// The name of the lock that is held while migrating. MySQL releases it when the connection ends in any way.
const LOCK: &str = "logs_core.migrate";

/// How long to wait for another migration to finish: an upgrade rewrites the table. Less than Lambda's longest, 15 min.
const LOCK_LIMIT: Duration = Duration::from_mins(10);

/// The limit for reading a secret.
const SECRET_LIMIT: Duration = Duration::from_secs(10);

/// Every later query queues behind a waiting ALTER, so the ALTER gives up after 1 s (default: one year) and is retried.
const SET_UP_SESSION: &str = "SET SESSION lock_wait_timeout = 1";

/// How long to retry while a long transaction holds the table, and the pause for writers between two tries.
const TABLE_LIMIT: Duration = Duration::from_secs(20);
const TABLE_PAUSE: Duration = Duration::from_secs(1);

/// The limit for connecting.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MigrationReport {
    /// Versions that were applied now; empty when the schema was up to date.
    pub applied: Vec<i64>,
    /// The version that the schema has now.
    pub version: i64,
    /// Names of the users that were created or updated.
    pub users: Vec<String>,
}

/// Why the database could not be brought up to date, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The credentials are not known, or a function's secret cannot be read.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A setting of the functions and the administrator's secret name different databases.
    #[error("{0} differs from the administrator's secret, and the functions use {0}: make them agree")]
    Contradiction(&'static str),
    /// The server cannot be reached, or refuses the login.
    #[error("cannot connect to the database: {0}; is it running, may this user log in, is the network open?")]
    Connect(#[source] sqlx::Error),
    /// The port accepts the connection, but nothing answers.
    #[error("the database does not answer within 10 s; is MySQL listening there?")]
    Silent,
    /// Another run holds the lock.
    #[error("another migration has been running for 10 minutes; run this one again when it is done")]
    Locked,
    /// A statement failed.
    #[error("cannot migrate: {0}; fix the cause and run it again")]
    Statement(#[from] sqlx::Error),
    /// A migration failed.
    #[error("cannot migrate: {0}; fix the cause and run it again, it continues where it stopped")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// An ALTER waited for a table lock until all retries were used up.
    #[error("cannot migrate: a transaction holds the table Logs; find it (SHOW PROCESSLIST), end it, and run it again")]
    TableInUse,
    /// A function's user cannot be created or changed.
    #[error("cannot set up the user {username}: {error}")]
    User {
        /// Which one.
        username: String,
        /// Why.
        #[source]
        error: UserError,
    },
    /// Setting it up would revoke the rights of the migrating user itself.
    #[error("{0} is the user that migrates; give each function a secret with a user of its own")]
    OwnUser(String),
    /// Two functions with one user would revoke each other's rights.
    #[error("{0} is the user of two functions; give each function a secret with a user of its own")]
    SharedUser(String),
}

impl From<sqlx::migrate::MigrateError> for MigrateError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
        match &error {
            Execute(cause) | ExecuteMigration(cause, _) if number(cause) == Some(LOCK_WAIT_TIMEOUT) => Self::TableInUse,
            _ => Self::Migration(error),
        }
    }
}

/// Creates the database if needed and applies the missing migrations. Existing data stays. Safe to run twice, and from
/// two places at once. The next run completes one that was interrupted: each migration checks what exists and does only
/// what is missing.
pub async fn migrate(settings: &DatabaseSettings) -> Result<MigrationReport, MigrateError> {
    migrate_with_users(settings, &[], None).await
}

/// Migrates, then creates or updates the functions' users, with the logins that are given and only the rights that they
/// need. `indexes`: those behind the parameters of GET /logs; `None` keeps the present ones.
pub async fn migrate_with_users(
    settings: &DatabaseSettings,
    users: &[DatabaseUser],
    indexes: Option<QueryIndexes>,
) -> Result<MigrationReport, MigrateError> {
    let mut connection = connect(settings, !users.is_empty()).await?;
    let locked: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(?, ?)")
        .bind(LOCK)
        .bind(LOCK_LIMIT.as_secs())
        .fetch_one(&mut connection)
        .await?;
    if locked != Some(1) {
        return Err(MigrateError::Locked);
    }
    let outcome = under_lock(&mut connection, users, indexes).await;
    // Closing releases the lock. A broken connection is already in the result.
    let _ = connection.close().await;
    outcome
}

/// The secrets are read here, under the lock: otherwise the later of two runs could restore an older password.
async fn under_lock(
    connection: &mut MySqlConnection,
    users: &[DatabaseUser],
    indexes: Option<QueryIndexes>,
) -> Result<MigrationReport, MigrateError> {
    let mut logins = Vec::<(Account, Rights)>::new();
    let own = users::current_user(connection).await?;
    for user in users {
        let login = account(&user.login).await?;
        if login.username == own {
            return Err(MigrateError::OwnUser(own));
        }
        if logins.iter().any(|(other, _)| other.username == login.username) {
            return Err(MigrateError::SharedUser(login.username));
        }
        logins.push((login, user.rights));
    }
    connection.execute(SET_UP_SESSION).await?;
    let mut report = apply_in_turn(connection, indexes).await?;
    for (login, rights) in logins {
        let username = login.username.clone();
        match users::set_up(connection, &login, rights).await {
            Ok(()) => report.users.push(username),
            Err(error) => return Err(MigrateError::User { username, error }),
        }
    }
    Ok(report)
}

async fn account(login: &UserLogin) -> Result<Account, LoginError> {
    match login {
        UserLogin::Iam(username) => Ok(Account { username: username.clone(), password: None }),
        UserLogin::Secret(secret) => {
            let credentials = read_credentials(secret, Deadline::within(SECRET_LIMIT)).await?;
            Ok(Account { username: credentials.username, password: Some(credentials.password) })
        }
    }
}

/// Applies the migrations. Retries while a long transaction holds the table.
async fn apply_in_turn(
    connection: &mut MySqlConnection,
    indexes: Option<QueryIndexes>,
) -> Result<MigrationReport, MigrateError> {
    let started = Instant::now();
    let mut applied = Vec::new();
    loop {
        match apply(connection, indexes, &mut applied).await {
            Err(MigrateError::TableInUse) if started.elapsed() < TABLE_LIMIT => {
                tracing::warn!("a transaction holds the table Logs; trying again");
                tokio::time::sleep(TABLE_PAUSE).await;
            }
            Ok(version) => return Ok(MigrationReport { applied, version, users: vec![] }),
            Err(error) => return Err(error),
        }
    }
}

/// Applies the migrations that are missing and adds them to `applied`. Returns the version of the schema.
async fn apply(
    connection: &mut MySqlConnection,
    indexes: Option<QueryIndexes>,
    applied: &mut Vec<i64>,
) -> Result<i64, MigrateError> {
    connection.ensure_migrations_table().await?;
    // Under the lock an unfinished migration can only be an interrupted one.
    sqlx::query("DELETE FROM _sqlx_migrations WHERE success = FALSE").execute(&mut *connection).await?;
    let before = connection.list_applied_migrations().await?;

    let mut migrator = migrations::migrator();
    // sqlx's own lock waits with a negative timeout, which MariaDB treats as zero; our own lock is held already.
    migrator.set_locking(false);
    // After a rollback the schema is newer than this code: it fits, and there is nothing to do.
    migrator.set_ignore_missing(true);
    let outcome = migrator.run_direct(&mut *connection).await;
    let done: Vec<_> = connection.list_applied_migrations().await?.iter().map(|done| done.version).collect();
    applied.extend(done.iter().filter(|version| before.iter().all(|earlier| earlier.version != **version)));
    outcome?;
    if let Some(indexes) = indexes {
        indexes.apply(connection).await.map_err(|error| match number(&error) {
            Some(LOCK_WAIT_TIMEOUT) => MigrateError::TableInUse,
            _ => MigrateError::Statement(error),
        })?;
    }
    Ok(done.into_iter().max().unwrap_or_default())
}

/// Connects to the database that the settings name, and creates it if the server does not have it.
async fn connect(settings: &DatabaseSettings, for_functions: bool) -> Result<MySqlConnection, MigrateError> {
    let login = Login::new(settings.source());
    let options = login.options(Deadline::within(SECRET_LIMIT)).await?;
    if for_functions && let Some(setting) = login.contradiction() {
        return Err(MigrateError::Contradiction(setting));
    }
    let connecting = connect_creating(options.disable_statement_logging());
    tokio::time::timeout(CONNECT_LIMIT, connecting).await.map_err(|_| MigrateError::Silent)?
}

async fn connect_creating(options: MySqlConnectOptions) -> Result<MySqlConnection, MigrateError> {
    match options.connect().await {
        Err(error) if number(&error) == Some(UNKNOWN_DATABASE) => {
            let name = options.get_database().unwrap_or_default().replace('`', "``");
            let mut server = options.clone().database("").connect().await.map_err(MigrateError::Connect)?;
            server.execute(&*format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")).await?;
            server.close().await?;
            options.connect().await.map_err(MigrateError::Connect)
        }
        connected => connected.map_err(MigrateError::Connect),
    }
}
