//! A database for each test.

use std::time::Duration;

use local::database::{Server, ServerOptions, ServerProgram, TlsFiles, make_tls_files};
use logs_core::mysql::{DatabaseSettings, MySqlStore, migrate};
use logs_core::{Batch, Deadline, Store};
use sqlx::{Connection, Executor, MySqlConnection};

use super::{TemporaryFolder, temporary_folder, until};

/// A database that only one test uses.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    /// Empty: no tables.
    pub(crate) async fn empty() -> Self {
        let server = std::env::var("DATABASE_SERVER_URL").expect("DATABASE_SERVER_URL is not set; run ./dev test");
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let mut connection = MySqlConnection::connect(&server).await.expect("the test server answers");
        connection.execute(&*format!("CREATE DATABASE {name}")).await.expect("a database can be made");
        Self { url: server.replacen("/?", &format!("/{name}?"), 1) }
    }

    /// With the schema of `migrations/`.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate(&database.settings()).await.expect("the migrations run");
        database
    }

    pub(crate) fn settings(&self) -> DatabaseSettings {
        DatabaseSettings::from_url(&self.url).expect("the URL is one")
    }

    pub(crate) fn store(&self) -> Store {
        self.mysql_store().into()
    }

    pub(crate) fn mysql_store(&self) -> MySqlStore {
        MySqlStore::new(&self.settings())
    }

    /// A connection without the store, to set up and to check.
    pub(crate) async fn connection(&self) -> MySqlConnection {
        MySqlConnection::connect(&self.url).await.expect("the test server answers")
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.connection().await.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn count(&self) -> i64 {
        let mut connection = self.connection().await;
        sqlx::query_scalar("SELECT COUNT(*) FROM Logs").fetch_one(&mut connection).await.expect("there is a table Logs")
    }

    /// Stores a body as the function would.
    pub(crate) async fn insert(&self, body: &serde_json::Value, received_at: i64) {
        let batch = Batch::parse(body.to_string().as_bytes()).expect("the body is good");
        self.store().insert(batch.logs(), received_at, in_time()).await.expect("the database is there");
    }
}

/// A deadline that no healthy test reaches.
pub(crate) fn in_time() -> Deadline {
    Deadline::within(Duration::from_secs(25))
}

/// A server for one test, which may kill it. It has the schema.
pub(crate) async fn private_server(extra: &[&str]) -> (Server, Database, TemporaryFolder) {
    start_server(temporary_folder(), None, extra).await
}

/// The same with TLS. The URL of `Database` asks for it, and for the server's certificate to be verified.
pub(crate) async fn encrypted_server(extra: &[&str]) -> (Server, Database, TemporaryFolder) {
    let folder = temporary_folder();
    let tls = make_tls_files(folder.path()).expect("certificates can be made");
    start_server(folder, Some(tls), extra).await
}

async fn start_server(
    folder: TemporaryFolder,
    tls: Option<TlsFiles>,
    extra: &[&str],
) -> (Server, Database, TemporaryFolder) {
    let options = ServerOptions {
        program: ServerProgram::find().await.expect("there is a server program"),
        folder: folder.path().to_owned(),
        // Known to the tests, and the same on each: a failover needs that.
        password: "private".to_owned(),
        tls,
        extra: extra.iter().map(ToString::to_string).collect(),
    };
    let server = Server::start(options).await.expect("the server starts");
    let database = Database { url: server.url("Error_Logs") };
    migrate(&database.settings()).await.expect("the migrations run");
    (server, database, folder)
}

/// Makes the server answer the second INSERT of each connection into `Logs`, and all later ones, with this error.
pub(crate) async fn refuse_the_second_insert(database: &Database, error: u16) {
    database.run("DROP TRIGGER IF EXISTS refuse").await;
    let trigger = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON Logs FOR EACH ROW BEGIN SET @inserts = COALESCE(@inserts, 0) + 1; \
         IF @inserts > 1 THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {error}; END IF; END"
    );
    database.run(&trigger).await;
}

/// A connection whose open transaction holds the lock on this idempotency key.
pub(crate) async fn lock_key(database: &Database, key: &str) -> MySqlConnection {
    let mut connection = database.connection().await;
    let insert = "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) \
                  VALUES (?, REPEAT('x', 32), 1, REPEAT('y', 16), 1)";
    connection.execute("BEGIN").await.expect("a transaction can be begun");
    sqlx::query(insert).bind(key).execute(&mut connection).await.expect("a row can be inserted");
    connection
}

/// Waits until `count` INSERTs of this database wait for a lock.
pub(crate) async fn wait_for_blocked_statements(database: &Database, count: i64) {
    let mut connection = database.connection().await;
    let sql =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'INSERT INTO Logs%'";
    until("statements wait for the lock", async || {
        // MySQL refuses while any statement with binary parameters is running (3854).
        let waiting: Result<i64, _> = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        waiting.is_ok_and(|waiting| waiting == count)
    })
    .await;
}

/// Waits until a transaction on this server waits for a locked row.
pub(crate) async fn wait_for_row_lock(database: &Database) {
    let mut connection = database.connection().await;
    until("a transaction waits for a row", async || {
        let query = sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'");
        let (_, waits): (String, String) = query.fetch_one(&mut connection).await.expect("the status can be read");
        waits != "0"
    })
    .await;
}
