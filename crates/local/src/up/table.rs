//! The table behind the gateways, where DynamoDB is the store: a private server on a file.

use std::path::{Path, PathBuf};

use logs_core::dynamodb::{DynamoStore, TableSettings};

use super::database::RESTART_PAUSE;
use super::error::UpError;
use super::functions::{MAX_LOG_BYTES, log_file};
use crate::database::end_left_behind;
use crate::dynoxide::{Dynoxide, DynoxideOptions};
use crate::lambda::log;
use crate::moto::{KEY, REGION};
use crate::state::{StateFolder, TableEndpoint};

/// The table's name. The server has no other one.
const NAME: &str = "error-codes-local";

/// The table in use.
pub(super) struct Table {
    server: Option<Dynoxide>,
    url: String,
    options: DynoxideOptions,
}

impl Table {
    /// Starts the server, and makes the table the first time. The data of earlier runs are in it.
    pub(super) async fn start(program: &Path, state: &StateFolder, progress: &impl Fn(&str)) -> Result<Self, UpError> {
        // A database server that a killed run left behind has no use.
        end_left_behind(&state.database()).await?;
        progress("starting the private DynamoDB (dynoxide)");
        let log_file = log_file(&state.logs(), "dynoxide");
        log::rotate(&log_file, MAX_LOG_BYTES)?;
        std::fs::create_dir_all(state.table())?;
        let mut options = DynoxideOptions {
            program: Some(program.to_owned()),
            file: Some(state.table().join("table.sqlite")),
            port: None,
            log_file: Some(log_file),
        };
        let server = Dynoxide::start(&options).await?;
        // A restart keeps it: functions know it.
        options.port = Some(server.port());
        let settings = TableSettings::from_environment(&|name| (name == "TABLE_NAME").then(|| NAME.to_owned()))?;
        if let Some(settings) = settings {
            DynamoStore::at(&server.url(), settings)?.create_table().await?;
        }
        Ok(Self { url: server.url(), server: Some(server), options })
    }

    /// What a function needs to find it.
    pub(super) fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("TABLE_NAME", NAME),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.url),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", KEY),
        ]
    }

    /// For `endpoints.json`.
    pub(super) fn endpoint(&self) -> TableEndpoint {
        TableEndpoint { name: NAME.to_owned(), endpoint: self.url.clone(), region: REGION.to_owned() }
    }

    pub(super) fn messages(state: &StateFolder) -> PathBuf {
        state.messages(Some("dynamodb"))
    }

    /// Restarts the server whenever it exits. Returns only when that fails.
    pub(super) async fn keep_running(&mut self, progress: impl Fn(&str)) -> UpError {
        loop {
            if let Some(server) = &mut self.server {
                server.ended().await;
                progress("dynoxide ended; starting it again");
            }
            self.server = None;
            tokio::time::sleep(RESTART_PAUSE).await;
            match Dynoxide::start(&self.options).await {
                Ok(server) => self.server = Some(server),
                Err(error) => return error.into(),
            }
        }
    }

    pub(super) async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}
