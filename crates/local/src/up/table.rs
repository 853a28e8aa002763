//! DynamoDB as the store behind the gateways: a private server on a file.

use std::path::{Path, PathBuf};

use super::database::RESTART_PAUSE;
use super::functions::{MAX_LOG_BYTES, log_file};
use crate::Failure;
use crate::dynoxide::{self, Dynoxide, DynoxideOptions};
use crate::lambda::log;
use crate::moto::REGION;
use crate::state::{StateFolder, TableEndpoint};

/// The only table of the server.
const NAME: &str = "error-codes-local";

pub(super) struct Table {
    server: Dynoxide,
    settings: Vec<(&'static str, String)>,
}

impl Table {
    /// Starts the server, with the data of earlier runs. Creates the table the first time.
    pub(super) async fn start(program: &Path, state: &StateFolder, progress: &impl Fn(&str)) -> Result<Self, Failure> {
        progress("starting the private DynamoDB (dynoxide)");
        let log_file = log_file(&state.logs(), "dynoxide");
        log::rotate(&log_file, MAX_LOG_BYTES)?;
        std::fs::create_dir_all(state.table())?;
        let options = DynoxideOptions {
            program: Some(program.to_owned()),
            file: Some(state.table().join("table.sqlite")),
            port: None,
            log_file: Some(log_file),
        };
        let server = Dynoxide::start(&options).await?;
        server.table(NAME)?.create_table().await?;
        Ok(Self { settings: dynoxide::settings(NAME, &server.url()).into(), server })
    }

    /// The settings of a function on this table.
    pub(super) fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// For `endpoints.json`.
    pub(super) fn endpoint(&self) -> TableEndpoint {
        TableEndpoint { name: NAME.to_owned(), endpoint: self.server.url(), region: REGION.to_owned() }
    }

    pub(super) fn messages(state: &StateFolder) -> PathBuf {
        state.messages(Some("dynamodb"))
    }

    /// Whether the server has exited.
    pub(super) fn is_gone(&mut self) -> bool {
        !self.server.is_running()
    }

    /// Restarts the server whenever it exits. Returns only when that fails.
    pub(super) async fn keep_running(&mut self, progress: impl Fn(&str)) -> Failure {
        loop {
            self.server.ended().await;
            progress("dynoxide ended; starting it again");
            tokio::time::sleep(RESTART_PAUSE).await;
            if let Err(error) = self.server.restart().await {
                return error;
            }
        }
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}
