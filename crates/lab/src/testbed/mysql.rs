//! MySQL as the store: a private server.

use std::path::Path;

use local::database::{Server, make_tls_files};
use sqlx::{Connection, MySqlConnection};

use super::database::{Database, USER};
use crate::error::LabError;

/// The database that the functions write to.
pub(crate) const DATABASE: &str = "Error_Logs";

/// A private server. The functions log in as an ordinary user, for two reasons: an administrator can write to a read-only
/// server and has a connection reserved; and the server keeps statistics per user.
pub(crate) struct MySql {
    pub(crate) server: Server,
    /// Engine and version of the server.
    pub(super) name: String,
    password: String,
}

impl MySql {
    pub(super) async fn start(folder: &Path, tls: bool, options: &[String]) -> Result<Self, LabError> {
        let tls = tls.then(|| make_tls_files(folder)).transpose()?;
        let server = Server::start_new(folder, tls, options.to_vec()).await?;
        server.make_database(DATABASE).await?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut database = Database::open(&server.url(DATABASE)).await?;
        database.create_user(&password).await?;
        let name = format!("{} {}", server.flavour(), database.version().await?);
        Ok(Self { server, name, password })
    }

    /// The URL of the functions' user, without TLS.
    pub(crate) fn user_url(&self) -> String {
        self.url(self.server.port())
    }

    pub(super) fn url(&self, port: u16) -> String {
        format!("mysql://{USER}:{}@127.0.0.1:{port}/{DATABASE}?ssl-mode=DISABLED", self.password)
    }

    /// A connection of the functions' user.
    pub(crate) async fn user(&self) -> Result<MySqlConnection, sqlx::Error> {
        MySqlConnection::connect(&self.user_url()).await
    }

    pub(crate) async fn administrator(&self) -> Result<Database, LabError> {
        Database::open(&self.server.url(DATABASE)).await
    }
}
