//! Logins by IAM token: on a server that verifies tokens as RDS does ([`IamServer`]), and on one that has no
//! `AWSAuthenticationPlugin`, as no server outside RDS has.

mod migrate;
mod refused;

use local::database::{TlsFiles, make_tls_files_for};
use local::iam_server::{IamServer, IamServerOptions, Policy, Refusal};
use serde_json::json;
use sqlx::Connection;
use time::Duration;

use crate::harness::{Account, FunctionRun, REGION, TemporaryFolder, event, record, temporary_folder};

/// The password of every database user. Only the server that checks tokens knows it.
const PASSWORD: &str = "known to the IAM server alone";
const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "session/+=token";
const HOST: &str = "localhost";

/// The functions that log in, with their users.
const USERS: [(&str, &str); 5] = [
    ("POST_LOG", "post_log_dev"),
    ("GET_LOGS", "get_logs_dev"),
    ("RETENTION", "retention_dev"),
    ("SUMMARIZE", "summarize_dev"),
    ("STORE_LOGS", "store_logs_dev"),
];

/// An account whose database users log in by IAM.
struct Rds {
    account: Account,
    server: IamServer,
    tls: TlsFiles,
    _folder: TemporaryFolder,
}

impl Rds {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(change: impl FnOnce(&mut IamServerOptions)) -> Self {
        let account = Account::open().await;
        // The real server knows no tokens, so migrate gives its users passwords; only `IamServer` has those.
        migrate_to_passwords(&account).await.run(&json!({})).await.expect("the users can be created");
        for (_, user) in USERS {
            account.run(&format!("ALTER USER '{user}'@'%' REQUIRE NONE")).await;
            // MySQL asks for a password over TLS once; then it keeps a hash of it.
            let connection = account.log_in(user, PASSWORD).await.expect("migrate created the user");
            connection.close().await.expect("a connection can be closed");
        }
        let folder = temporary_folder();
        let tls = make_tls_files_for(folder.path(), HOST).expect("certificates can be made");
        let mut options = IamServerOptions {
            tls: Some(tls.clone()),
            backend: account.port(),
            password: PASSWORD.to_owned(),
            policy: Policy {
                host: HOST.to_owned(),
                port: 0,
                region: REGION.to_owned(),
                access_key: ACCESS_KEY.to_owned(),
                secret_key: SECRET_KEY.to_owned(),
                session: Some(SESSION.to_owned()),
                users: USERS.iter().map(|(_, user)| (*user).to_owned()).collect(),
                clock_ahead: Duration::ZERO,
            },
        };
        change(&mut options);
        let server = IamServer::start(options).await.expect("loopback has a free port");
        Self { account, server, tls, _folder: folder }
    }

    /// A function with the settings that the template gives it, `changes` made.
    fn function(&self, name: &str, changes: &[(&str, &str)]) -> FunctionRun {
        let port = self.server.port.to_string();
        let authority = self.tls.authority.to_string_lossy().into_owned();
        let user = format!("{}_dev", name.replace('-', "_"));
        let mut variables = vec![
            ("DB_SECRET_ARN", ""),
            ("DB_IAM_USER", &*user),
            ("DB_HOST", HOST),
            ("DB_PORT", &port),
            ("DB_CA_BUNDLE", &authority),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION),
        ];
        variables.retain(|(name, _)| changes.iter().all(|change| change.0 != *name));
        variables.extend(changes);
        self.account.function(name, "", &variables)
    }

    /// Sends a code by a function that the server refuses.
    async fn expect_refused(&self, changes: &[(&str, &str)], refusal: Refusal) {
        let function = self.function("post-log", changes);
        expect_out_of_reach(&function, "the IAM token was refused: did migrate create this user for IAM").await;
        // Ahead of the first event, and in it.
        assert_eq!(self.server.verdicts(), [Err(refusal), Err(refusal)], "{}", function.log());
        assert_eq!(self.account.database.count().await, 0);
    }
}

/// `migrate`, which gives each user this password.
async fn migrate_to_passwords(account: &Account) -> FunctionRun {
    let administrator = account.moto.create_secret("administrator", &account.whole_secret()).await;
    let mut secrets = Vec::new();
    for (name, user) in USERS {
        let secret = json!({ "username": user, "password": PASSWORD });
        secrets.push((format!("{name}_SECRET_ARN"), account.moto.create_secret(user, &secret).await));
    }
    let users: Vec<_> = secrets.iter().map(|(name, arn)| (&**name, &**arn)).collect();
    account.function("migrate", &administrator, &users)
}

/// 503, the reason in the log in one sentence a try, and nothing that a thief could use.
async fn expect_out_of_reach(function: &FunctionRun, reason: &str) {
    let answer = function.send(&record("a", 1, 1).to_string()).await;
    let log = function.log();
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{log}");
    assert!(log.contains(reason), "the log does not say {reason}: {log}");
    for secret in ["X-Amz-Signature", SECRET_KEY, SESSION] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn each_function_logs_in_by_a_token_and_reads_no_secret() {
    let rds = Rds::open().await;
    let read_by_migrate = rds.account.moto.secret_reads().await;
    let post_log = rds.function("post-log", &[]);
    assert_eq!(post_log.send(&record("a", 107, 1).to_string()).await.status, 200, "{}", post_log.log());
    let get_logs = rds.function("get-logs", &[]);
    let mut get = event();
    get["httpMethod"] = "GET".into();
    let listed = get_logs.invoke(&get).await.expect("get-logs answers");
    assert_eq!(listed.body["result"][0]["error_code"], 107, "{}", get_logs.log());
    for name in ["retention", "summarize"] {
        let function = rds.function(name, &[]);
        function.run(&json!({})).await.unwrap_or_else(|error| panic!("{name}: {error}\n{}", function.log()));
    }
    let store_logs = rds.function("store-logs", &[]);
    let stored = store_logs.run(&json!({ "Records": [] })).await.expect("store-logs answers");
    assert_eq!(stored["batchItemFailures"], json!([]), "{}", store_logs.log());

    let users = ["post_log_dev", "get_logs_dev", "retention_dev", "summarize_dev", "store_logs_dev"];
    assert_eq!(rds.server.verdicts(), users.map(|user| Ok(user.to_owned())));
    assert_eq!(rds.account.moto.secret_reads().await, read_by_migrate);
    rds.account.server.stop().await;
}

#[tokio::test]
async fn each_new_connection_has_a_new_token() {
    let rds = Rds::open().await;
    let function = rds.function("post-log", &[]);
    assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, 200, "{}", function.log());
    rds.account.end_connections_of("post_log_dev").await;
    // Within a second of the last use a connection is taken to be alive, so this one may fail, and be sent again.
    crate::harness::until("the code is stored", async || {
        function.send(&record("a", 2, 2).to_string()).await.status == 200
    })
    .await;
    assert_eq!(rds.server.verdicts(), [Ok("post_log_dev".to_owned()), Ok("post_log_dev".to_owned())]);
    rds.account.server.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_five_minutes_does_no_harm() {
    for clock_ahead in [Duration::minutes(5), Duration::minutes(-5)] {
        let rds = Rds::open_with(|options| options.policy.clock_ahead = clock_ahead).await;
        let function = rds.function("post-log", &[]);
        assert_eq!(
            function.send(&record("a", 1, 1).to_string()).await.status,
            200,
            "{clock_ahead}: {}",
            function.log()
        );
        rds.account.server.stop().await;
    }
}

#[tokio::test]
async fn while_the_login_is_switched_a_user_that_has_its_token_needs_no_secret() {
    let rds = Rds::open().await;
    let arn = rds.account.moto.create_secret("old", &json!({ "username": "post_log_dev", "password": "old" })).await;
    let before = rds.account.moto.secret_reads().await;
    let function = rds.function("post-log", &[("DB_SECRET_ARN", &arn), ("DB_LOGIN_SWITCH", "true")]);
    assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, 200, "{}", function.log());
    assert_eq!(rds.account.moto.secret_reads().await, before);
    rds.account.server.stop().await;
}

#[tokio::test]
async fn while_the_login_is_switched_a_user_that_still_has_its_password_loses_no_request() {
    let account = Account::open().await;
    account.run("CREATE USER 'post_log_dev'@'%' IDENTIFIED BY 'p' REQUIRE SSL").await;
    account.run("GRANT INSERT ON Error_Logs.Logs TO 'post_log_dev'@'%'").await;
    let secret = json!({ "username": "post_log_dev", "password": "p" });
    let arn = account.moto.create_secret("post-log", &secret).await;
    let changes = [("DB_IAM_USER", "post_log_dev"), ("DB_LOGIN_SWITCH", "true")];
    let function = account.function("post-log", &arn, &changes);
    assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, 200, "{}", function.log());
    assert_eq!(account.database.count().await, 1);
    account.server.stop().await;
}
