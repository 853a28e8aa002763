//! The measured functions: their settings, and the stubs and databases behind them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use local::database::TlsFiles;
use local::iam_server::{IamServer, IamServerOptions, Policy};
use local::lambda::FunctionConfig;
use local::moto::REGION;
use logs_core::{certificates, clock};
use serde_json::json;
use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;

use crate::baseline::{BareConnection, BareInsert};
use crate::bench::stub::{ARN, Stub};
use crate::codes::collected;
use crate::error::LabError;
use crate::testbed::{DATABASE, MySql, Testbed};

/// The database for POSTs. It grows, so GETs never read it.
pub(crate) const WRITTEN: &str = DATABASE;

/// The databases for GETs, with 1,000 and 1,000,000 rows.
pub(crate) const FEW_ROWS: &str = "Few_Logs";
pub(crate) const MANY_ROWS: &str = "Many_Logs";

/// The function that only answers.
pub(crate) const EMPTY: &str = "empty-function";

/// The deployed functions.
pub(crate) const FUNCTIONS: [&str; 6] = ["post-log", "get-logs", "store-logs", "migrate", "retention", "summarize"];

/// How a function connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By `DATABASE_URL`.
    Plain,
    /// By `DATABASE_URL`, verifying the certificate and its name.
    Tls,
    /// By a secret and with TLS, as in production.
    Secret,
    /// By an IAM token and with TLS, as in production.
    Iam,
    /// By a secret, with debug log lines that time each step.
    Steps,
    /// Queued mode: sends to a queue instead.
    Queue,
}

/// The testbed, with stubs of AWS's services.
pub(crate) struct Functions<'a> {
    testbed: &'a Testbed,
    mysql: &'a MySql,
    pub(crate) secrets_manager: Stub,
    queue: Stub,
    iam: IamServer,
    /// Who logs in by a token.
    user: String,
}

/// As Lambda gives them to a function; only the server for IAM tokens checks them.
const CREDENTIALS: &str = "made-up";

const HOST: &str = "127.0.0.1";

/// A server of RDS, for the roots that a function reads in production.
const RDS_HOST: &str = "db.c1.eu-central-1.rds.amazonaws.com";

/// Those roots, and our own.
const BUNDLE: &str = "rds-and-own.pem";

impl<'a> Functions<'a> {
    /// Creates the databases, fills those for GETs, and starts the stubs.
    pub(crate) async fn prepare(testbed: &'a Testbed) -> Result<Self, LabError> {
        let mysql = testbed.store.mysql()?;
        let server = &mysql.server;
        let own = fs::read(testbed.folder().join("authority.pem"))?;
        fs::write(testbed.folder().join(BUNDLE), [certificates::rds(RDS_HOST), own].concat())?;
        let login = server.url(WRITTEN).parse::<MySqlConnectOptions>()?.to_url_lossy();
        let (user, password) = (login.username().to_owned(), login.password().unwrap_or_default().to_owned());
        // The keys of a secret that RDS manages.
        let secret = json!({ "username": user, "password": password });
        let secrets_manager = Stub::secrets_manager(&secret).await?;
        let iam = IamServer::start(IamServerOptions {
            tls: Some(TlsFiles::in_folder(testbed.folder())),
            backend: server.port(),
            password,
            policy: policy(&user),
        })
        .await?;
        let functions = Self { testbed, mysql, secrets_manager, queue: Stub::queue().await?, iam, user };
        let insert = BareInsert::new(collected(1_000, clock::unix_seconds()));
        for (database, rows) in [(FEW_ROWS, 1_000), (MANY_ROWS, 1_000_000)] {
            server.make_database(database).await?;
            functions.connection(database).await?.fill(&insert, rows).await?;
        }
        Ok(functions)
    }

    /// A migrated, empty database.
    pub(crate) async fn make_database(&self, database: &str) -> Result<(), LabError> {
        Ok(self.mysql.server.make_database(database).await?)
    }

    /// A connection for setup and comparison, without TLS.
    pub(crate) async fn connection(&self, database: &str) -> Result<BareConnection, LabError> {
        Ok(BareConnection::connect(&self.url(database, Mode::Plain)).await?)
    }

    fn url(&self, database: &str, mode: Mode) -> String {
        let tls = self.mysql.server.url(database);
        match (mode, tls.split_once('?')) {
            (Mode::Plain, Some((address, _))) => format!("{address}?ssl-mode=DISABLED"),
            _ => tls,
        }
    }

    /// A function on a database, with the settings that Lambda would give it.
    pub(crate) fn config(&self, name: &str, database: &str, mode: Mode) -> FunctionConfig {
        let mut settings = match mode {
            Mode::Queue => vec![
                ("QUEUE_URL", format!("{}/123456789012/error-codes", self.queue.url)),
                ("AWS_ENDPOINT_URL_SQS", self.queue.url.clone()),
            ],
            Mode::Plain | Mode::Tls => vec![("DATABASE_URL", self.url(database, mode))],
            Mode::Secret | Mode::Steps => self.secret(database),
            Mode::Iam => self.iam(database),
        };
        if mode == Mode::Steps {
            settings.push(("RUST_LOG", "logs_core=debug".to_owned()));
        }
        let credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        settings.extend(credentials.map(|name| (name, CREDENTIALS.to_owned())));
        self.testbed.function(name, settings, Duration::from_secs(20), 1)
    }

    fn secret(&self, database: &str) -> Vec<(&'static str, String)> {
        let mut settings = self.server(database, self.mysql.server.port());
        settings.extend([
            ("DB_SECRET_ARN", ARN.to_owned()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_manager.url.clone()),
        ]);
        settings
    }

    fn iam(&self, database: &str) -> Vec<(&'static str, String)> {
        let mut settings = self.server(database, self.iam.port);
        settings.extend([("DB_IAM_USER", self.user.clone()), ("AWS_REGION", REGION.to_owned())]);
        settings
    }

    /// Where a function connects, and whose certificates it trusts.
    fn server(&self, database: &str, port: u16) -> Vec<(&'static str, String)> {
        let bundle = self.testbed.folder().join(BUNDLE);
        vec![
            ("DB_HOST", HOST.to_owned()),
            ("DB_PORT", port.to_string()),
            ("DB_NAME", database.to_owned()),
            ("DB_CA_BUNDLE", bundle.to_string_lossy().into_owned()),
        ]
    }

    /// The path of a function's binary.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.testbed.programs.join(name)
    }
}

/// Whose tokens are good: the functions', for the one user.
fn policy(user: &str) -> Policy {
    Policy {
        host: HOST.to_owned(),
        port: 0,
        region: REGION.to_owned(),
        access_key: CREDENTIALS.to_owned(),
        secret_key: CREDENTIALS.to_owned(),
        session: Some(CREDENTIALS.to_owned()),
        users: vec![user.to_owned()],
        clock_ahead: time::Duration::ZERO,
    }
}
