//! Where it happens: a private database server, moto's queue, the built functions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::database::{Server, ServerOptions, ServerProgram};
use local::lambda::FunctionConfig;
use local::moto::{KEY, Moto, MotoOptions, REGION};
use local::queue::{Queue, Queues, RedrivePolicy};
use logs_core::mysql::migrate;
use logs_core::settings::DatabaseSettings;

use crate::books::Books;
use crate::error::LoadError;

/// The functions' user of the database: the server keeps account of its statements.
pub(crate) const USER: &str = "device";

const DATABASE: &str = "Error_Logs";

/// As in infra/ingestion.js.
const REDRIVE: RedrivePolicy = RedrivePolicy { visibility_timeout: 181, max_receive_count: 20 };

/// More than the environments of any measurement.
const MAX_CONNECTIONS: &str = "--max-connections=200";

/// The built functions.
pub(crate) struct Programs {
    folder: PathBuf,
}

/// Everything that runs all the time.
pub(crate) struct Stage {
    /// To be stopped at the end, as the next.
    pub(crate) server: Server,
    pub(crate) moto: Moto,
    pub(crate) queue: Queue,
    pub(crate) books: Books,
    /// Flavour and version of the database server.
    pub(crate) database: String,
    programs: Programs,
    folder: PathBuf,
    password: String,
}

impl Programs {
    /// Both in this folder, or where this program is.
    pub(crate) fn find(folder: Option<PathBuf>) -> Result<Self, LoadError> {
        let folder = match folder {
            // Functions are started with another working folder in mind.
            Some(folder) => fs::canonicalize(&folder).unwrap_or(folder),
            None => std::env::current_exe()?.parent().map(Path::to_owned).unwrap_or_default(),
        };
        match ["post-log", "store-logs"].map(|name| folder.join(name)).into_iter().find(|program| !program.is_file()) {
            Some(program) => Err(LoadError::NotBuilt(program)),
            None => Ok(Self { folder }),
        }
    }
}

impl Stage {
    pub(crate) async fn start(programs: Programs, folder: &Path) -> Result<Self, LoadError> {
        let program = ServerProgram::find().await?;
        let flavour = program.flavour();
        let password = uuid::Uuid::new_v4().simple().to_string();
        let options = ServerOptions {
            program,
            folder: folder.to_owned(),
            password: password.clone(),
            tls: None,
            // MariaDB keeps no account of statements unless it is told to.
            extra: [MAX_CONNECTIONS, "--performance-schema=ON", "--performance-schema-instrument=statement/%=ON"]
                .map(str::to_owned)
                .to_vec(),
        };
        let server = Server::start(options).await?;
        migrate(&DatabaseSettings::from_url(&server.url(DATABASE))?).await?;
        let mut books = Books::open(&server.url(DATABASE)).await?;
        books.create_user(&password).await?;
        let database = format!("{flavour} {}", books.version().await?);
        let log = folder.join("moto.log");
        let moto = Moto::start(&MotoOptions { log_file: Some(&log), ..MotoOptions::default() }).await?;
        let queue = Queues::create(moto.url(), REGION, REDRIVE).await?.queue;
        Ok(Self { server, moto, queue, books, database, programs, folder: folder.to_owned(), password })
    }

    /// Where the functions' user connects, without TLS.
    pub(crate) fn database_url(&self) -> String {
        format!("mysql://{USER}:{}@127.0.0.1:{}/{DATABASE}?ssl-mode=DISABLED", self.password, self.server.port())
    }

    /// post-log, which stores directly.
    pub(crate) fn post_log_direct(&self, concurrency: usize) -> FunctionConfig {
        let variables = vec![("DATABASE_URL", self.database_url())];
        self.function("post-log", variables, Duration::from_secs(10), concurrency)
    }

    /// post-log, which sends to the queue and knows no database.
    pub(crate) fn post_log_queued(&self, concurrency: usize) -> FunctionConfig {
        let variables = vec![
            ("QUEUE_URL", self.queue.url().to_owned()),
            ("AWS_ENDPOINT_URL_SQS", self.moto.url().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ];
        self.function("post-log", variables, Duration::from_secs(10), concurrency)
    }

    /// store-logs, which may take so long for an event.
    pub(crate) fn store_logs(&self, concurrency: usize, timeout: Duration) -> FunctionConfig {
        self.function("store-logs", vec![("DATABASE_URL", self.database_url())], timeout, concurrency)
    }

    fn function(
        &self,
        name: &str,
        mut variables: Vec<(&str, String)>,
        timeout: Duration,
        concurrency: usize,
    ) -> FunctionConfig {
        // As in serverless.yml.
        variables.push(("MALLOC_MMAP_THRESHOLD_", "131072".to_owned()));
        FunctionConfig {
            name: name.to_owned(),
            program: self.programs.folder.join(name),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            timeout,
            concurrency,
            log_file: self.folder.join(format!("{name}.log")),
        }
    }
}

/// A folder that goes away with this, unless it is kept.
pub(crate) struct TemporaryFolder {
    pub(crate) path: PathBuf,
    is_kept: bool,
}

impl TemporaryFolder {
    pub(crate) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("logs-load-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path)?;
        Ok(Self { path, is_kept: false })
    }

    /// For whoever looks for the cause.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A server that was killed while it started may write a last file in between.
        for _ in 0..20 {
            if self.is_kept || fs::remove_dir_all(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
