//! An account as the template makes it: a database server with a certificate, Secrets Manager, functions that find both
//! by `DB_SECRET_ARN`.

use local::database::Server;
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, MySqlConnection};

use super::{Database, FunctionRun, Moto, TemporaryFolder, encrypted_server};

/// An account that only one test uses.
pub(crate) struct Account {
    pub(crate) server: Server,
    /// The database as the administrator.
    pub(crate) database: Database,
    pub(crate) moto: Moto,
    pub(crate) folder: TemporaryFolder,
}

impl Account {
    /// With a migrated database, and nothing in Secrets Manager.
    pub(crate) async fn open() -> Self {
        Self::open_with(Moto::start().await).await
    }

    pub(crate) async fn open_with(moto: Moto) -> Self {
        let (server, database, folder) = encrypted_server(&[]).await;
        Self { server, database, moto, folder }
    }

    /// The same with options for the server.
    pub(crate) async fn open_on(options: &[&str]) -> Self {
        let (server, database, folder) = encrypted_server(options).await;
        Self { server, database, moto: Moto::start().await, folder }
    }

    /// The administrator's credentials with all optional keys, in AWS's spelling.
    pub(crate) fn whole_secret(&self) -> Value {
        let mut secret = json!({ "engine": "mysql", "host": "127.0.0.1", "port": self.port(), "dbname": "Error_Logs" });
        let (username, password) = self.administrator();
        secret["username"] = username.into();
        secret["password"] = password.into();
        secret
    }

    pub(crate) fn administrator(&self) -> (String, String) {
        let url = self.options().to_url_lossy();
        (url.username().to_owned(), url.password().expect("the administrator has a password").to_owned())
    }

    /// Logs in over TLS, without a function.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<MySqlConnection, sqlx::Error> {
        self.options().username(username).password(password).connect().await
    }

    /// A connection as the administrator, without a database.
    pub(crate) async fn server_connection(&self) -> MySqlConnection {
        self.options().database("").connect().await.expect("the server answers")
    }

    /// Runs a statement as the administrator.
    pub(crate) async fn run(&self, sql: &str) {
        self.database.run(sql).await;
    }

    /// A user that may store logs without a key, and read them.
    pub(crate) async fn create_user(&self, name: &str, password: &str) {
        self.run(&format!("CREATE USER '{name}'@'%' IDENTIFIED BY '{password}'")).await;
        self.run(&format!("GRANT SELECT, INSERT ON Error_Logs.Logs TO '{name}'@'%'")).await;
    }

    /// Ends the user's connections, as a failover does, and waits until they are gone.
    pub(crate) async fn end_connections_of(&self, username: &str) {
        let mut connection = self.database.connection().await;
        // MariaDB's is signed, MySQL's is not.
        let sql = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE user = ?";
        super::until("the connections are gone", async || {
            let query = sqlx::query_scalar(sql).bind(username);
            let ids: Vec<i64> = query.fetch_all(&mut connection).await.expect("the list can be read");
            for id in &ids {
                // Some may be gone by now.
                let _ = connection.execute(&*format!("KILL {id}")).await;
            }
            ids.is_empty()
        })
        .await;
        connection.close().await.expect("a connection can be closed");
    }

    /// A function with the settings that the template gives it, `changes` made.
    pub(crate) fn function(&self, name: &str, arn: &str, changes: &[(&str, &str)]) -> FunctionRun {
        let port = self.port().to_string();
        let authority = self.folder.path().join("authority.pem").to_string_lossy().into_owned();
        let of_moto = self.moto.environment();
        let mut variables = vec![
            ("DB_SECRET_ARN", arn),
            ("DB_HOST", "127.0.0.1"),
            ("DB_PORT", &port),
            ("DB_NAME", "Error_Logs"),
            ("DB_CA_BUNDLE", &authority),
        ];
        variables.extend(of_moto.iter().map(|(name, value)| (*name, value.as_str())));
        variables.retain(|(name, _)| changes.iter().all(|change| change.0 != *name));
        variables.extend(changes.iter().filter(|change| !change.1.is_empty()));
        FunctionRun::new(name, &variables)
    }

    pub(crate) fn port(&self) -> u16 {
        self.options().get_port()
    }

    fn options(&self) -> MySqlConnectOptions {
        self.database.url.parse().expect("the URL is one")
    }
}
