//! Where it happens: a private database server, the proxy in front of it, the function, the gateway; in queued mode a
//! queue and its consumer as well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local::database::Server;
use local::gateway::Gateway;
use local::lambda::{Function, FunctionConfig};
use sqlx::{Connection, MySqlConnection};

use crate::chaos::plan::Plan;
use crate::chaos::proxy::Proxy;
use crate::chaos::queue::QueuedTestbed;
use crate::error::LabError;
use crate::testbed::{DATABASE, Programs, create_user, start_gateway, unlimited, user_url, version};

/// What a function may take. In production 10 s: here a fault that lasts that long shall fit in more often.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(4);

/// Everything that runs.
pub(crate) struct Testbed {
    /// Not there only while it starts again, and after it could not.
    pub(crate) server: Option<Server>,
    pub(crate) proxy: Proxy,
    pub(crate) function: Function,
    pub(crate) gateway: Gateway,
    pub(crate) queued: Option<QueuedTestbed>,
    pub(crate) programs: Programs,
    pub(crate) api_key: String,
    /// Data and logs.
    pub(crate) folder: PathBuf,
    /// Flavour and version of the database server.
    pub(crate) database: String,
    password: String,
}

impl Testbed {
    pub(crate) async fn start(programs: Programs, folder: &Path, plan: &Plan) -> Result<Self, LabError> {
        // A client that hung up leaves its request behind, and some send two at once.
        let concurrency = 3 * plan.clients + 4;
        let server = Server::start_new(folder, None, vec![format!("--max-connections={}", concurrency + 10)]).await?;
        server.make_database(DATABASE).await?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut administrator = MySqlConnection::connect(&server.url(DATABASE)).await?;
        create_user(&mut administrator, &password).await?;
        let version = version(&mut administrator).await?;
        administrator.close().await?;
        let proxy = Proxy::start(server.port()).await?;
        let url = user_url(&password, proxy.port);
        let (queued, mut variables) = if plan.queued {
            let queued = QueuedTestbed::start(programs.path("store-logs"), folder, url).await?;
            let variables = queued.variables();
            (Some(queued), variables)
        } else {
            (None, vec![("DATABASE_URL".to_owned(), url)])
        };
        variables.push(("ALLOWED_ORIGIN".to_owned(), "*".to_owned()));
        let function = Function::new(FunctionConfig {
            name: "post-log".to_owned(),
            program: programs.path("post-log"),
            variables,
            timeout: FUNCTION_TIMEOUT,
            concurrency,
            log_file: folder.join("post-log.log"),
        });
        // The plan is not what is tested here.
        let (gateway, api_key) = start_gateway(&function, unlimited()).await?;
        let database = format!("{} {version}", server.flavour());
        let folder = folder.to_owned();
        let server = Some(server);
        Ok(Self { server, proxy, function, gateway, queued, programs, api_key, folder, database, password })
    }

    /// As the administrator, past the proxy.
    pub(crate) async fn administrator(&self) -> Result<MySqlConnection, LabError> {
        let server = self.server.as_ref().ok_or(LabError::NoServer)?;
        Ok(MySqlConnection::connect(&server.url(DATABASE)).await?)
    }

    /// As the functions do, past the proxy.
    pub(crate) async fn user(&self) -> Result<MySqlConnection, sqlx::Error> {
        let port = self.server.as_ref().map_or(0, Server::port);
        MySqlConnection::connect(&user_url(&self.password, port)).await
    }
}
