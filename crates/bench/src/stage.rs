//! Where everything is measured: the built programs, and a private database server with three databases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::database::{Server, ServerOptions, ServerProgram, make_tls_files};
use local::lambda::FunctionConfig;
use logs_core::mysql::migrate;
use logs_core::settings::DatabaseSettings;

use crate::error::BenchError;
use crate::statement::BareConnection;

/// Where POSTs go; GETs never read it, since it grows.
pub(crate) const WRITTEN: &str = "Error_Logs";

/// What GETs read: 1,000 rows.
pub(crate) const FEW_ROWS: &str = "Few_Logs";

/// What GETs read: 1,000,000 rows.
pub(crate) const MANY_ROWS: &str = "Many_Logs";

/// How a function connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it is.
    Plain,
    /// As in production: the certificate and the name in it are verified.
    Tls,
}

/// The built functions.
pub(crate) struct Programs {
    folder: PathBuf,
}

/// A private server, and what runs against it.
pub(crate) struct Stage {
    /// To be stopped at the end.
    pub(crate) server: Server,
    flavour: &'static str,
    programs: Programs,
    folder: PathBuf,
}

impl Programs {
    /// All of them in this folder, or where this program is.
    pub(crate) fn find(folder: Option<PathBuf>) -> Result<Self, BenchError> {
        let folder = match folder {
            Some(folder) => folder,
            None => std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let programs = Self { folder };
        let missing = ["empty-function", "post-log", "get-logs"].map(|name| programs.path(name));
        match missing.into_iter().find(|program| !program.is_file()) {
            Some(program) => Err(BenchError::NotBuilt(program)),
            None => Ok(programs),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Stage {
    /// Starts the server, which offers TLS and does not demand it.
    pub(crate) async fn start(programs: Programs, folder: &TemporaryFolder) -> Result<Self, BenchError> {
        let folder = folder.0.clone();
        let program = ServerProgram::find().await?;
        let flavour = program.flavour();
        let options = ServerOptions {
            program,
            folder: folder.clone(),
            password: uuid::Uuid::new_v4().simple().to_string(),
            tls: Some(make_tls_files(&folder)?),
            extra: Vec::new(),
        };
        Ok(Self { server: Server::start(options).await?, flavour, programs, folder })
    }

    /// Makes the tables and fills those that are read; gives the server's name and version.
    pub(crate) async fn prepare(&self) -> Result<String, BenchError> {
        for database in [WRITTEN, FEW_ROWS, MANY_ROWS] {
            migrate(&DatabaseSettings::from_url(&self.url(database, Mode::Plain))?).await?;
        }
        self.bare_connection(FEW_ROWS).await?.fill(1_000).await?;
        let mut connection = self.bare_connection(MANY_ROWS).await?;
        connection.fill(1_000_000).await?;
        Ok(format!("{} {}", self.flavour, connection.version().await?))
    }

    /// A connection past the functions, without TLS.
    pub(crate) async fn bare_connection(&self, database: &str) -> Result<BareConnection, BenchError> {
        Ok(BareConnection::connect(&self.url(database, Mode::Plain)).await?)
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
        FunctionConfig {
            name: name.to_owned(),
            program: self.program(name),
            variables: vec![("DATABASE_URL".to_owned(), self.url(database, mode))],
            timeout: Duration::from_secs(20),
            concurrency: 1,
            log_file: self.folder.join(format!("{name}.log")),
        }
    }

    /// Where a function's binary is.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.path(name)
    }
}

/// A folder that goes away with this.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("logs-bench-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A server that was killed while it started may write a last file in between.
        for _ in 0..20 {
            if fs::remove_dir_all(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
