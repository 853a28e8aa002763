//! The database behind the gateways: a private server, or the user's own.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;

use super::choice::DatabaseChoice;
use crate::Failure;
use crate::database::{Server, ServerOptions, ServerProgram};
use crate::state::{Keys, StateFolder};

pub(super) struct Database {
    url: String,
    server: Option<Server>,
    is_private: bool,
}

/// The pause before a restart: a server that exits at once every time must not keep a processor busy.
pub(super) const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// The default name of the database.
const NAME: &str = "Error_Logs";

impl Database {
    pub(super) async fn start(
        choice: &DatabaseChoice,
        state: &StateFolder,
        keys: &Keys,
        progress: &impl Fn(&str),
    ) -> Result<Self, Failure> {
        if let Some(url) = choice.own_url()? {
            progress("using the database that DATABASE_URL or secrets.json names");
            return Ok(Self { url, server: None, is_private: false });
        }
        progress("starting the private database server");
        let program = ServerProgram::find().await?;
        let folder = state.database();
        let password = keys.database.clone();
        let server = Server::start(ServerOptions { program, folder, password, tls: None, extra: vec![] }).await?;
        Ok(Self { url: server.url(NAME), server: Some(server), is_private: true })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The file that keeps the messages in the queue from run to run. Each database has its own, because messages were
    /// accepted for that database.
    pub(super) fn messages(&self, state: &StateFolder) -> PathBuf {
        let own = (!self.is_private).then(|| self.url.parse::<MySqlConnectOptions>().ok()).flatten();
        let own = own.map(|url| {
            format!("{}\n{}\n{:?}\n{:?}", url.get_host(), url.get_port(), url.get_socket(), url.get_database())
        });
        state.messages(own.as_deref())
    }

    /// Whether the private server has exited. Unknown (`false`) for a database we did not start.
    pub(super) fn is_gone(&mut self) -> bool {
        self.is_private && !self.server.as_mut().is_some_and(Server::is_running)
    }

    /// Restarts the private server whenever it exits. Returns only when that fails; never with the user's own database.
    pub(super) async fn keep_running(&mut self, progress: impl Fn(&str)) -> Failure {
        let Some(server) = &mut self.server else { return std::future::pending().await };
        loop {
            server.ended().await;
            progress("the database server ended; starting it again");
            tokio::time::sleep(RESTART_PAUSE).await;
            if let Err(error) = server.restart().await {
                return error.into();
            }
        }
    }

    pub(super) async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }
}
