//! The store behind the gateways: a MySQL database, or a DynamoDB table.

use std::path::PathBuf;

use logs_core::mysql::{DatabaseSettings, migrate};

use super::choice::DatabaseChoice;
use super::database::Database;
use super::table::Table;
use crate::Failure;
use crate::database::end_left_behind;
use crate::state::{Keys, StateFolder, TableEndpoint};

pub(super) enum LocalStore {
    MySql(Database),
    DynamoDb(Table),
}

impl LocalStore {
    /// Starts the store and creates its schema.
    pub(super) async fn start(
        choice: &DatabaseChoice,
        state: &StateFolder,
        keys: &Keys,
        progress: &impl Fn(&str),
    ) -> Result<Self, Failure> {
        // Whichever store it is this time: a database server that a killed run left behind has no use.
        end_left_behind(&state.database()).await?;
        if let DatabaseChoice::DynamoDb(program) = choice {
            return Ok(Self::DynamoDb(Table::start(program, state, progress).await?));
        }
        let database = Database::start(choice, state, keys, progress).await?;
        progress("bringing the schema up to date");
        migrate(&DatabaseSettings::from_url(database.url())?).await?;
        Ok(Self::MySql(database))
    }

    /// The settings of a function on this store.
    pub(super) fn settings(&self) -> Vec<(&str, &str)> {
        match self {
            Self::MySql(database) => vec![("DATABASE_URL", database.url())],
            Self::DynamoDb(table) => table.settings(),
        }
    }

    /// For `endpoints.json`: the URL of the database, or the table.
    pub(super) fn endpoint(&self) -> (Option<String>, Option<TableEndpoint>) {
        match self {
            Self::MySql(database) => (Some(database.url().to_owned()), None),
            Self::DynamoDb(table) => (None, Some(table.endpoint())),
        }
    }

    /// The file that keeps the messages in the queue from run to run.
    pub(super) fn messages(&self, state: &StateFolder) -> PathBuf {
        match self {
            Self::MySql(database) => database.messages(state),
            Self::DynamoDb(_) => Table::messages(state),
        }
    }

    /// Whether the private server has exited. Unknown (`false`) for one that we did not start.
    pub(super) fn is_gone(&mut self) -> bool {
        match self {
            Self::MySql(database) => database.is_gone(),
            Self::DynamoDb(table) => table.is_gone(),
        }
    }

    /// Restarts the private server whenever it exits. Returns only when that fails.
    pub(super) async fn keep_running(&mut self, progress: impl Fn(&str)) -> Failure {
        match self {
            Self::MySql(database) => database.keep_running(progress).await,
            Self::DynamoDb(table) => table.keep_running(progress).await,
        }
    }

    pub(super) async fn stop(self) {
        match self {
            Self::MySql(database) => database.stop().await,
            Self::DynamoDb(table) => table.stop().await,
        }
    }
}
