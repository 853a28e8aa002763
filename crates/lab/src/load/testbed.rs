//! Where it happens: a private database server, moto's queue, the built functions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local::database::Server;
use local::lambda::FunctionConfig;
use local::moto::{KEY, Moto, MotoOptions, REGION};
use local::queue::{Queue, Queues, RedrivePolicy};

use crate::error::LabError;
use crate::load::tables::Tables;
use crate::testbed::{DATABASE, Programs, user_url};

/// As in infra/ingestion.js.
const REDRIVE: RedrivePolicy = RedrivePolicy { visibility_timeout: 181, max_receive_count: 20 };

/// More than the environments of any measurement.
const MAX_CONNECTIONS: &str = "--max-connections=200";

/// Everything that runs all the time.
pub(crate) struct Testbed {
    /// To be stopped at the end, as the next.
    pub(crate) server: Server,
    pub(crate) moto: Moto,
    pub(crate) queue: Queue,
    pub(crate) tables: Tables,
    /// Flavour and version of the database server.
    pub(crate) database: String,
    programs: Programs,
    folder: PathBuf,
    password: String,
}

impl Testbed {
    pub(crate) async fn start(programs: Programs, folder: &Path) -> Result<Self, LabError> {
        // MariaDB keeps no account of statements unless it is told to.
        let extra = [MAX_CONNECTIONS, "--performance-schema=ON", "--performance-schema-instrument=statement/%=ON"];
        let server = Server::start_new(folder, None, extra.map(str::to_owned).to_vec()).await?;
        server.make_database(DATABASE).await?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut tables = Tables::open(&server.url(DATABASE)).await?;
        tables.create_user(&password).await?;
        let database = format!("{} {}", server.flavour(), tables.version().await?);
        let log = folder.join("moto.log");
        let moto = Moto::start(&MotoOptions { log_file: Some(&log), ..MotoOptions::default() }).await?;
        let queue = Queues::create(moto.url(), REGION, REDRIVE).await?.queue;
        Ok(Self { server, moto, queue, tables, database, programs, folder: folder.to_owned(), password })
    }

    /// Where the functions' user connects, without TLS.
    pub(crate) fn database_url(&self) -> String {
        user_url(&self.password, self.server.port())
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
            program: self.programs.path(name),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            timeout,
            concurrency,
            log_file: self.folder.join(format!("{name}.log")),
        }
    }
}
