//! The database behind the gateways: a private server, or the user's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use logs_core::mysql::DatabaseSettings;
use logs_core::{Credentials, CredentialsError};
use sqlx::mysql::MySqlConnectOptions;

use super::UpError;
use crate::database::{Server, ServerError, ServerOptions, ServerProgram, end_left_behind};
use crate::state::{Keys, StateFolder};

/// Which database to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// A server of our own; the program that `MYSQL_SERVER` names, or what is installed.
    Private,
    /// The user's own, by URL.
    Own(String),
    /// The user's own, by `secrets.json`.
    Secrets(PathBuf),
}

impl DatabaseChoice {
    /// `mysql://…` of the user's own; `None` for the private server, which has none yet.
    pub fn own_url(&self) -> Result<Option<String>, SecretsError> {
        match self {
            Self::Private => Ok(None),
            Self::Own(url) => Ok(Some(url.clone())),
            Self::Secrets(path) => url_from_secrets(path).map(Some),
        }
    }
}

/// Why secrets.json cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It is not what `secrets.example.json` shows.
    #[error("{0} {1}; secrets.example.json shows how it must look")]
    Invalid(PathBuf, #[source] CredentialsError),
    /// A value is missing, or is not what its name says.
    #[error("{0}: {1}")]
    Value(PathBuf, &'static str),
}

/// The database in use.
pub(super) struct Database {
    url: String,
    server: Option<Server>,
    is_private: bool,
}

/// Between the end of the private server and its next start.
const RESTART_PAUSE: Duration = Duration::from_millis(200);

/// The seed's name of the database.
const NAME: &str = "Error_Logs";

impl Database {
    pub(super) async fn start(
        choice: &DatabaseChoice,
        state: &StateFolder,
        keys: &Keys,
        progress: &impl Fn(&str),
    ) -> Result<Self, UpError> {
        // Whichever database it is this time: the server of a run that was killed is of no use any more.
        end_left_behind(&state.database()).await?;
        if let Some(url) = choice.own_url()? {
            progress("using the database that DATABASE_URL or secrets.json names");
            return Ok(Self { url, server: None, is_private: false });
        }
        progress("starting the private database server");
        let program = ServerProgram::find().await.map_err(ServerError::from)?;
        let folder = state.database();
        let password = keys.database.clone();
        let server = Server::start(ServerOptions { program, folder, password, tls: None, extra: vec![] }).await?;
        Ok(Self { url: server.url(NAME), server: Some(server), is_private: true })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Where the messages stand that were in the queue when the last run in queued mode ended. For each database a file
    /// of its own: they were accepted for this one.
    pub(super) fn messages(&self, state: &StateFolder) -> PathBuf {
        let own = (!self.is_private).then(|| self.url.parse::<MySqlConnectOptions>().ok()).flatten();
        let own = own.map(|url| {
            format!("{}\n{}\n{:?}\n{:?}", url.get_host(), url.get_port(), url.get_socket(), url.get_database())
        });
        state.messages(own.as_deref())
    }

    /// Whether the private server has ended. Of the user's own database nobody knows.
    pub(super) fn is_gone(&mut self) -> bool {
        self.is_private && !self.server.as_mut().is_some_and(Server::is_running)
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
            // One that ends at once, every time, must not keep a processor busy.
            tokio::time::sleep(RESTART_PAUSE).await;
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
    let json = std::fs::read_to_string(path).map_err(|error| SecretsError::Unreadable(path.to_owned(), error))?;
    let Credentials { username, password, host, port, database } =
        Credentials::parse(&json).map_err(|error| SecretsError::Invalid(path.to_owned(), error))?;
    let wrong = |what| SecretsError::Value(path.to_owned(), what);
    let host = host.ok_or_else(|| wrong("HOST is missing; it names the server"))?;
    let port = port.ok_or_else(|| wrong("PORT is missing; the usual one is 3306"))?;
    let database = database.ok_or_else(|| wrong("DBNAME is missing; the usual one is Error_Logs"))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let (username, password, database) = (encode(&username), encode(&password), encode(&database));
    // What leaves the machine is encrypted. To check the server's name as well, use DATABASE_URL with VERIFY_IDENTITY.
    let is_near = ["localhost", "127.0.0.1", "[::1]"].contains(&&*host);
    let encryption = if is_near { "PREFERRED" } else { "REQUIRED" };
    let url = format!("mysql://{username}:{password}@{host}:{port}/{database}?ssl-mode={encryption}");
    DatabaseSettings::from_url(&url).map_err(|_| wrong("HOST must be a host name or an address, without a port"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(json: &str) -> Result<String, String> {
        let file = std::env::temp_dir().join(format!("secrets-{}", uuid::Uuid::new_v4()));
        std::fs::write(&file, json).expect("the temporary folder can be written");
        let url = url_from_secrets(&file).map_err(|error| error.to_string());
        std::fs::remove_file(&file).expect("the file was just written");
        url
    }

    #[test]
    fn a_password_may_have_any_character() {
        let json = r#"{"HOST":"db.example","PORT":3306,"USER":"admin","PASS":"p@ss:w/rd?#%","DBNAME":"Error_Logs"}"#;
        assert_eq!(
            url(json).as_deref(),
            Ok("mysql://admin:p%40ss%3Aw%2Frd%3F%23%25@db.example:3306/Error%5FLogs?ssl-mode=REQUIRED")
        );
    }

    #[test]
    fn a_port_may_be_text_and_a_host_an_address_of_either_kind() {
        let json = r#"{"HOST":"::1","PORT":"3307","USER":"a","PASS":"b","DBNAME":"c"}"#;
        assert_eq!(url(json).as_deref(), Ok("mysql://a:b@[::1]:3307/c?ssl-mode=PREFERRED"));
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_is_not_shown() {
        let good = [("HOST", "\"db\""), ("PORT", "3306"), ("DBNAME", "\"c\"")];
        for (name, wrong) in [
            ("HOST", "\"a b\""),
            ("HOST", "\"\""),
            ("HOST", "null"),
            ("PORT", "99999"),
            ("PORT", "\"x\""),
            ("DBNAME", "\"\""),
        ] {
            let fields = good.map(|(key, value)| format!("\"{key}\":{}", if key == name { wrong } else { value }));
            let said = url(&format!("{{{},\"USER\":\"a\",\"PASS\":\"s3cret\"}}", fields.join(","))).expect_err(name);
            assert!(said.contains(name) && !said.contains("s3cret"), "{said}");
        }
        let number = r#"{"HOST":"db","PORT":1,"USER":"a","PASS":31415926,"DBNAME":"c"}"#;
        let said = url(number).expect_err("a password is text");
        assert!(said.contains("must have text under PASS") && !said.contains("31415926"), "{said}");
    }
}
