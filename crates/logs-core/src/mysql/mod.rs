//! The store: MySQL 8.4 on RDS, or MariaDB from 10.11 on.
//!
//! `statements.rs` has the SQL, `connection.rs` keeps the one connection of an environment alive, `login.rs` says who
//! logs in where, `error.rs` what a failure means for what was sent. `migrate.rs` makes and upgrades the schema,
//! `users.rs` the functions' users.

mod connection;
mod error;
mod login;
#[cfg(feature = "migrate")]
mod migrate;
mod statements;
#[cfg(feature = "migrate")]
mod users;

use crate::settings::{DatabaseSettings, SettingError};
use crate::{Deadline, MostRecent, NewLog};

use connection::{Connections, Repeat};
pub use error::StoreError;
pub use login::LoginError;
#[cfg(feature = "migrate")]
pub use migrate::{MigrateError, MigrationReport, migrate, migrate_with_users};
#[cfg(feature = "migrate")]
pub use users::{DatabaseUser, Rights, UserError};

/// Reads and writes logs over one connection, which is made again whenever it is lost.
#[derive(Debug)]
pub struct Store {
    connections: Connections,
}

impl Store {
    /// A store that has not connected yet.
    #[must_use]
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { connections: Connections::new(settings) }
    }

    /// Connects ahead of the first event. A database that is away, or a secret that cannot be read, is logged, not an
    /// error: the process must start, answer 503, and connect on a later event.
    ///
    /// # Errors
    /// The secret leaves something open that no setting says either.
    pub async fn warm_up(&self) -> Result<(), SettingError> {
        self.connections.warm_up().await
    }

    /// Stores a batch, whole or not at all: one statement, one autocommit. `received_at` is in Unix seconds.
    /// After an error nothing is stored, except for what [`StoreError::is_ambiguous`] says.
    pub async fn insert(&self, logs: &[NewLog], received_at: i64, deadline: Deadline) -> Result<(), StoreError> {
        let insert = async |connection: &mut _| statements::insert_logs(connection, logs, received_at).await;
        self.connections.run(deadline, Repeat::WhatTheServerRefused, insert).await
    }

    /// The most recent logs.
    pub async fn most_recent(&self, deadline: Deadline) -> Result<MostRecent, StoreError> {
        self.connections
            .run(deadline, Repeat::Anything, async |connection: &mut _| statements::most_recent(connection).await)
            .await
    }
}
