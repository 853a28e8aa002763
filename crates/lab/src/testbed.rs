//! What the testbeds of all commands have in common: the built functions, the database's user, how a report is written.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use http::{HeaderValue, Method};
use local::binaries;
use local::gateway::{Gateway, GatewayConfig, UsagePlan};
use local::lambda::Function;
use sqlx::{Executor, MySqlConnection};

use tokio::net::TcpListener;

use crate::error::LabError;

/// The functions' user of the database: an ordinary one. A read-only server obeys an administrator all the same, and
/// keeps a connection for one; and the server keeps account of each user's statements.
pub(crate) const USER: &str = "device";

pub(crate) const DATABASE: &str = "Error_Logs";

/// The built functions.
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// All of them in this folder, or where this program is.
    pub(crate) fn find(needed: &[&str], folder: Option<&Path>) -> Result<Self, LabError> {
        Ok(Self { folder: binaries::folder_of(needed, folder)? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// With the rights that `migrate` gives to post-log's and to store-logs' user.
pub(crate) async fn create_user(administrator: &mut MySqlConnection, password: &str) -> Result<(), sqlx::Error> {
    administrator.execute(&*format!("CREATE USER '{USER}'@'%' IDENTIFIED BY '{password}'")).await?;
    for grant in ["INSERT ON Logs", "INSERT ON Batches", "SELECT ON Batches"] {
        administrator.execute(&*format!("GRANT {grant} TO '{USER}'@'%'")).await?;
    }
    Ok(())
}

/// Starts a POST gateway for the function, on any port. Returns the key that opens it, too.
pub(crate) async fn start_gateway(function: &Function, usage_plan: UsagePlan) -> Result<(Gateway, String), LabError> {
    let api_key = uuid::Uuid::new_v4().simple().to_string();
    let config = GatewayConfig {
        method: Method::POST,
        api_key: api_key.clone(),
        usage_plan,
        allowed_origin: HeaderValue::from_static("*"),
        function: function.clone(),
        page: None,
    };
    Ok((Gateway::start(TcpListener::bind("127.0.0.1:0").await?, config)?, api_key))
}

/// A usage plan that refuses nothing.
pub(crate) fn unlimited() -> UsagePlan {
    UsagePlan::new(NonZeroU32::MAX, NonZeroU32::MAX)
}

/// What the server says that it is.
pub(crate) async fn version(connection: &mut MySqlConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT VERSION()").fetch_one(connection).await
}

/// Where the functions' user connects, without TLS.
pub(crate) fn user_url(password: &str, port: u16) -> String {
    format!("mysql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}?ssl-mode=DISABLED")
}

/// The table for people, and the file for machines, if one is wanted.
pub(crate) fn write_report(table: &str, json: impl AsRef<[u8]>, file: Option<PathBuf>) -> Result<(), LabError> {
    let mut output = std::io::stdout();
    output.write_all(table.as_bytes())?;
    output.flush()?;
    match file {
        Some(file) => std::fs::write(&file, json).map_err(|error| LabError::NotWritten(file, error)),
        None => Ok(()),
    }
}
