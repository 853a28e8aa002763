//! Where everything is measured: the built programs, a private database server with three databases, a Secrets Manager, a
//! queue.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::database::{Server, make_tls_files};
use local::lambda::FunctionConfig;
use logs_core::certificates;
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;

use crate::bench::statement::Connection;
use crate::bench::stub::{ARN, Stub};
use crate::error::LabError;
use crate::testbed::Programs;

/// Where POSTs go; GETs never read it, since it grows.
pub(crate) const WRITTEN: &str = "Error_Logs";

/// What GETs read: 1,000 rows.
pub(crate) const FEW_ROWS: &str = "Few_Logs";

/// What GETs read: 1,000,000 rows.
pub(crate) const MANY_ROWS: &str = "Many_Logs";

/// The function that does nothing.
pub(crate) const EMPTY: &str = "empty-function";

/// What is deployed.
pub(crate) const FUNCTIONS: [&str; 5] = ["post-log", "get-logs", "store-logs", "migrate", "retention"];

/// How a function connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By `DATABASE_URL`.
    Plain,
    /// By `DATABASE_URL`; the certificate and the name in it are verified.
    Tls,
    /// As in production: by a secret, with TLS.
    Secret,
    /// The same, and the log says when each step ends.
    Steps(Trust),
    /// Queued mode: to a queue, and no database.
    Queue,
}

/// Which certificates a function has to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// RDS's, as in production, and our own.
    Rds,
    /// Only our own.
    OneCertificate,
}

/// A private server, and what runs against it.
pub(crate) struct Testbed {
    /// To be stopped at the end.
    pub(crate) server: Server,
    pub(crate) secrets_manager: Stub,
    queue: Stub,
    programs: Programs,
    folder: PathBuf,
}

impl Testbed {
    /// Starts the server, which offers TLS and does not demand it.
    pub(crate) async fn start(programs: Programs, folder: &Path) -> Result<Self, LabError> {
        let folder = folder.to_owned();
        let tls = make_tls_files(&folder)?;
        let own = fs::read(&tls.authority)?;
        fs::write(folder.join(bundle(Trust::OneCertificate)), &own)?;
        fs::write(folder.join(bundle(Trust::Rds)), [certificates::RDS, &own].concat())?;
        let server = Server::start_new(&folder, Some(tls), Vec::new()).await?;
        let login = server.url(WRITTEN).parse::<MySqlConnectOptions>()?.to_url_lossy();
        // As RDS writes it.
        let secret = json!({ "username": login.username(), "password": login.password() });
        let secrets_manager = Stub::secrets_manager(&secret).await?;
        let queue = Stub::queue().await?;
        Ok(Self { server, secrets_manager, queue, programs, folder })
    }

    /// Makes the tables and fills those that are read; gives the server's name and version.
    pub(crate) async fn prepare(&self) -> Result<String, LabError> {
        for database in [WRITTEN, FEW_ROWS, MANY_ROWS] {
            self.server.make_database(database).await?;
        }
        self.connection(FEW_ROWS).await?.fill(1_000).await?;
        let mut connection = self.connection(MANY_ROWS).await?;
        connection.fill(1_000_000).await?;
        Ok(format!("{} {}", self.server.flavour(), connection.version().await?))
    }

    /// A connection past the functions, without TLS.
    pub(crate) async fn connection(&self, database: &str) -> Result<Connection, LabError> {
        Ok(Connection::open(&self.url(database, Mode::Plain)).await?)
    }

    fn url(&self, database: &str, mode: Mode) -> String {
        let tls = self.server.url(database);
        match (mode, tls.split_once('?')) {
            (Mode::Plain, Some((address, _))) => format!("{address}?ssl-mode=DISABLED"),
            _ => tls,
        }
    }

    /// A function on a database, which gets the settings that it would get from Lambda.
    pub(crate) fn function(&self, name: &str, database: &str, mode: Mode) -> FunctionConfig {
        let mut variables = match mode {
            Mode::Queue => self.queue(),
            Mode::Plain | Mode::Tls => vec![("DATABASE_URL", self.url(database, mode))],
            Mode::Secret => self.secret(database, Trust::Rds),
            Mode::Steps(trust) => {
                let mut variables = self.secret(database, trust);
                variables.push(("RUST_LOG", "logs_core=debug".to_owned()));
                variables
            }
        };
        // As Lambda gives them to a function; nobody checks them here.
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            variables.push((name, "made-up".to_owned()));
        }
        // As in serverless.yml.
        variables.push(("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()));
        FunctionConfig {
            name: name.to_owned(),
            program: self.program(name),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            timeout: Duration::from_secs(20),
            concurrency: 1,
            log_file: self.folder.join(format!("{name}.log")),
        }
    }

    fn secret(&self, database: &str, trust: Trust) -> Vec<(&'static str, String)> {
        vec![
            ("DB_SECRET_ARN", ARN.to_owned()),
            ("DB_HOST", "127.0.0.1".to_owned()),
            ("DB_PORT", self.server.port().to_string()),
            ("DB_NAME", database.to_owned()),
            ("DB_CA_BUNDLE", self.folder.join(bundle(trust)).to_string_lossy().into_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_manager.url.clone()),
        ]
    }

    fn queue(&self) -> Vec<(&'static str, String)> {
        vec![
            ("QUEUE_URL", format!("{}/123456789012/error-codes", self.queue.url)),
            ("AWS_ENDPOINT_URL_SQS", self.queue.url.clone()),
        ]
    }

    /// Where a function's binary is.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.path(name)
    }
}

/// The file of a bundle.
fn bundle(trust: Trust) -> &'static str {
    match trust {
        Trust::Rds => "rds-and-own.pem",
        Trust::OneCertificate => "own.pem",
    }
}
