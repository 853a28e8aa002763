//! The service behind the gateway that misbehaves: a private database server, post-log, a gateway that behaves.

use std::path::Path;
use std::time::Duration;

use local::database::Server;
use local::gateway::Gateway;
use local::lambda::{Function, FunctionConfig};
use sqlx::{Connection, MySqlConnection};

use crate::device_test::judge::Stored;
use crate::error::LabError;
use crate::testbed::{DATABASE, Programs, start_gateway, unlimited};

const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);
const CONCURRENCY: usize = 8;

/// Everything that runs.
pub(crate) struct Service {
    server: Server,
    function: Function,
    gateway: Gateway,
    pub(crate) api_key: String,
}

impl Service {
    pub(crate) async fn start(programs: &Programs, folder: &Path) -> Result<Self, LabError> {
        let server = Server::start_new(folder, None, vec![]).await?;
        server.make_database(DATABASE).await?;
        let function = Function::new(FunctionConfig {
            name: "post-log".to_owned(),
            program: programs.path("post-log"),
            variables: vec![
                ("DATABASE_URL".to_owned(), server.url(DATABASE)),
                ("ALLOWED_ORIGIN".to_owned(), "*".to_owned()),
            ],
            timeout: FUNCTION_TIMEOUT,
            concurrency: CONCURRENCY,
            log_file: folder.join("post-log.log"),
        });
        let (gateway, api_key) = start_gateway(&function, unlimited()).await?;
        Ok(Self { server, function, gateway, api_key })
    }

    pub(crate) fn url(&self) -> String {
        self.gateway.url()
    }

    /// How often each code of a device is stored.
    pub(crate) async fn stored(&self, device_id: &str) -> Result<Stored, LabError> {
        let mut connection = MySqlConnection::connect(&self.server.url(DATABASE)).await?;
        let sql = "SELECT error_number, COUNT(*) FROM Logs WHERE device_id = ? GROUP BY error_number";
        let rows: Vec<(i32, i64)> = sqlx::query_as(sql).bind(device_id).fetch_all(&mut connection).await?;
        Ok(rows.into_iter().map(|(code, count)| (code, count.unsigned_abs())).collect())
    }

    pub(crate) async fn stop(mut self) {
        self.function.stop().await;
        self.server.kill().await;
    }
}
