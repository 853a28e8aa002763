//! Makes and upgrades the schema from `migrations/`, which are compiled in.

use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::{ConnectOptions, Connection, Executor, MySqlConnection};

use crate::settings::DatabaseSettings;

/// Held while migrating; MySQL gives it back when the connection ends, however that ends.
const LOCK: &str = "logs_core.migrate";

/// How long to wait for another migration to finish: an upgrade rewrites the table.
const LOCK_LIMIT: Duration = Duration::from_mins(15);

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationReport {
    /// Versions that were applied now; empty when the schema was up to date.
    pub applied: Vec<i64>,
    /// The version that the schema has now.
    pub version: i64,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection, or not as this user.
    #[error("cannot connect to the database: {0}")]
    Connect(#[source] sqlx::Error),
    /// Somebody listens there and says nothing.
    #[error("the database does not answer within 10 s; is it MySQL that listens there?")]
    Silent,
    /// Another run holds the lock.
    #[error("another migration has been running for 15 minutes; run this one again when it is done")]
    Locked,
    /// A statement failed.
    #[error("cannot migrate: {0}")]
    Statement(#[from] sqlx::Error),
    /// A migration failed.
    #[error("cannot migrate: {0}; mend the cause and run it again, it continues where it stopped")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Creates the database if it is not there and applies the migrations that it lacks. Safe to run twice, and
/// from two places at once. Data that is there stays. A run that was interrupted is repaired by the next: every
/// migration looks at what it finds and does only what is missing.
pub async fn migrate(settings: &DatabaseSettings) -> Result<MigrationReport, MigrateError> {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, connect_creating(settings));
    let mut connection = connecting.await.map_err(|_| MigrateError::Silent)??;
    let locked: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(?, ?)")
        .bind(LOCK)
        .bind(LOCK_LIMIT.as_secs())
        .fetch_one(&mut connection)
        .await?;
    if locked != Some(1) {
        return Err(MigrateError::Locked);
    }
    let report = apply(&mut connection).await;
    // Closing gives the lock back. If the connection is broken the report says so better.
    let _ = connection.close().await;
    report
}

async fn apply(connection: &mut MySqlConnection) -> Result<MigrationReport, MigrateError> {
    connection.ensure_migrations_table().await?;
    // Under the lock an unfinished migration can only be an interrupted one.
    sqlx::query("DELETE FROM _sqlx_migrations WHERE success = FALSE").execute(&mut *connection).await?;
    let before = connection.list_applied_migrations().await?;

    let mut migrator = sqlx::migrate!("../../migrations");
    // sqlx's own lock waits with a negative timeout, which MariaDB takes for none; ours is held already.
    migrator.set_locking(false);
    migrator.run_direct(connection).await?;

    let applied = migrator
        .iter()
        .map(|migration| migration.version)
        .filter(|version| before.iter().all(|done| done.version != *version))
        .collect();
    let version = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    Ok(MigrationReport { applied, version })
}

/// Connects to the database that the settings name, which is created where the server says that there is none.
async fn connect_creating(settings: &DatabaseSettings) -> Result<MySqlConnection, MigrateError> {
    let options = settings.connect_options().disable_statement_logging();
    let unknown_database = |error: &sqlx::Error| {
        error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>())
            .is_some_and(|error| error.number() == 1049)
    };
    match options.connect().await {
        Err(error) if unknown_database(&error) => {
            let name = options.get_database().unwrap_or_default().replace('`', "``");
            let mut server = options.clone().database("").connect().await.map_err(MigrateError::Connect)?;
            server.execute(&*format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4")).await?;
            server.close().await?;
            options.connect().await.map_err(MigrateError::Connect)
        }
        connected => connected.map_err(MigrateError::Connect),
    }
}
