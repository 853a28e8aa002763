//! The database behind the gateways: a private server, or the user's own.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::UpError;
use crate::database::{Server, ServerError, ServerOptions, ServerProgram};
use crate::state::{Keys, StateFolder};

/// Which database to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// A server of our own; the program that `MYSQL_SERVER` names, or what is installed.
    Private(Option<String>),
    /// The user's own, by URL.
    Own(String),
    /// The user's own, by `secrets.json`.
    Secrets(PathBuf),
}

/// Why secrets.json cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It is not what `secrets.example.json` shows.
    #[error("{0} must look like secrets.example.json: {1}")]
    Invalid(PathBuf, #[source] serde_json::Error),
}

/// The seed's file.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct Secrets {
    host: String,
    port: Port,
    user: String,
    pass: String,
    dbname: String,
}

/// The seed's file has a number here; in an environment it is text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

/// The database in use.
pub(super) struct Database {
    url: String,
    server: Option<Server>,
}

/// The seed's name of the database.
const NAME: &str = "Error_Logs";

impl Database {
    pub(super) async fn start(
        choice: &DatabaseChoice,
        state: &StateFolder,
        keys: &Keys,
        progress: &impl Fn(&str),
    ) -> Result<Self, UpError> {
        match choice {
            DatabaseChoice::Own(url) => {
                progress("using the database that DATABASE_URL names");
                Ok(Self { url: url.clone(), server: None })
            }
            DatabaseChoice::Secrets(path) => {
                progress(&format!("using the database that {} names", path.display()));
                Ok(Self { url: url_from_secrets(path)?, server: None })
            }
            DatabaseChoice::Private(program) => {
                progress("starting the private database server");
                let program = ServerProgram::find(program.as_deref()).await.map_err(ServerError::from)?;
                let folder = state.database();
                let password = keys.database.clone();
                let server =
                    Server::start(ServerOptions { program, folder, password, tls: None, extra: vec![] }).await?;
                Ok(Self { url: server.url(NAME), server: Some(server) })
            }
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Starts the private server again whenever it ends. Returns only when that fails; with the user's own
    /// database, never.
    pub(super) async fn keep_running(&mut self, progress: impl Fn(&str)) -> UpError {
        loop {
            match &mut self.server {
                Some(server) => server.ended().await,
                None => std::future::pending().await,
            }
            progress("the database server ended; starting it again");
            // Taken only now: the wait above may be dropped at any time, and must not take the server with it.
            let Some(server) = self.server.take() else { continue };
            match server.restart().await {
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

fn url_from_secrets(path: &Path) -> Result<String, SecretsError> {
    let json = std::fs::read(path).map_err(|error| SecretsError::Unreadable(path.to_owned(), error))?;
    let secrets: Secrets =
        serde_json::from_slice(&json).map_err(|error| SecretsError::Invalid(path.to_owned(), error))?;
    let port = match secrets.port {
        Port::Number(number) => number.to_string(),
        Port::Text(text) => text,
    };
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let (user, pass, dbname) = (encode(&secrets.user), encode(&secrets.pass), encode(&secrets.dbname));
    Ok(format!("mysql://{user}:{pass}@{}:{port}/{dbname}", secrets.host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_json_may_hold_a_password_with_any_character() {
        let folder = std::env::temp_dir().join(format!("secrets-{}", uuid::Uuid::new_v4()));
        let json = r#"{"HOST":"db.example","PORT":3306,"USER":"admin","PASS":"p@ss:w/rd?#%","DBNAME":"Error_Logs"}"#;
        std::fs::write(&folder, json).expect("the temporary folder can be written");
        let url = url_from_secrets(&folder);
        std::fs::remove_file(&folder).expect("the file was just written");
        assert_eq!(url.ok().as_deref(), Some("mysql://admin:p%40ss%3Aw%2Frd%3F%23%25@db.example:3306/Error%5FLogs"));
    }
}
