//! The function that brings the database up to date: schema, users, rights.

mod announcements;
mod rights;

use serde_json::{Value, json};
use sqlx::Executor;

use crate::harness::{Account, FunctionRun, event, record};

/// An account, and the secrets of the functions' users in it.
struct Deployment {
    account: Account,
    administrator: String,
    writer: String,
    reader: String,
    deleter: String,
    counter: String,
}

impl Deployment {
    async fn new() -> Self {
        Self::on(Account::open().await).await
    }

    async fn on(account: Account) -> Self {
        account.run("DROP DATABASE Error_Logs").await;
        let (username, password) = account.administrator();
        let administrator = json!({ "username": username, "password": password });
        let administrator = account.moto.create_secret("administrator", &administrator).await;
        let writer = account.moto.create_secret("writer", &user("writer", "first")).await;
        let reader = account.moto.create_secret("reader", &user("reader", "first")).await;
        let deleter = account.moto.create_secret("deleter", &user("deleter", "first")).await;
        let counter = account.moto.create_secret("counter", &user("counter", "first")).await;
        Self { account, administrator, writer, reader, deleter, counter }
    }

    fn migrate(&self) -> FunctionRun {
        self.migrate_as(&self.administrator, &self.reader)
    }

    fn migrate_as(&self, administrator: &str, reader: &str) -> FunctionRun {
        self.account.function("migrate", administrator, &self.secrets(reader))
    }

    fn secrets<'a>(&'a self, reader: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("POST_LOG_SECRET_ARN", &self.writer),
            ("GET_LOGS_SECRET_ARN", reader),
            ("RETENTION_SECRET_ARN", &self.deleter),
            ("SUMMARIZE_SECRET_ARN", &self.counter),
        ]
    }

    async fn may(&self, username: &str, password: &str, sql: &str) -> Result<(), String> {
        let mut connection = self.account.log_in(username, password).await.map_err(|error| error.to_string())?;
        connection.execute(sql).await.map(drop).map_err(|error| error.to_string())
    }
}

fn user(username: &str, password: &str) -> Value {
    json!({ "username": username, "password": password })
}

async fn report(migrate: &FunctionRun) -> Value {
    migrate.run(&json!({})).await.unwrap_or_else(|error| panic!("{error}: {}", migrate.log()))
}

async fn failure(migrate: &FunctionRun) -> String {
    let failure = migrate.run(&json!({})).await.expect_err("it fails");
    assert!(migrate.log().contains("the database is not up to date"), "{}", migrate.log());
    failure
}

const INSERT: &str = "INSERT INTO Logs (device_id, error_number, time_stamp) VALUES ('a', 1, 1)";
const SELECT: &str = "SELECT * FROM Logs";

#[tokio::test]
async fn after_one_run_in_an_empty_server_both_functions_work_with_users_of_their_own() {
    let deployment = Deployment::new().await;
    let users = ["writer", "reader", "deleter", "counter"];
    let expected = json!({ "version": 7, "applied": [1, 2, 3, 4, 5, 6, 7], "users": users });
    assert_eq!(report(&deployment.migrate()).await, expected);
    let post_log = deployment.account.function("post-log", &deployment.writer, &[]);
    assert_eq!(post_log.send(&record("a", 1, 1).to_string()).await.status, 200, "{}", post_log.log());
    let get_logs = deployment.account.function("get-logs", &deployment.reader, &[]);
    let answer = get_logs.invoke(&event()).await.expect("it answers");
    assert_eq!((answer.status, &answer.body["result"][0]["device_id"]), (200, &json!("a")), "{}", get_logs.log());
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn retention_deletes_old_logs_with_its_own_database_user() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let account = &deployment.account;
    for received_at in ["1", "UNIX_TIMESTAMP()"] {
        let columns = "device_id, error_number, time_stamp, received_at";
        account.run(&format!("INSERT INTO Error_Logs.Logs ({columns}) VALUES ('a', 1, 1, {received_at})")).await;
    }
    for (days, logs) in [("", 0), ("0", 0), ("30", 1)] {
        let variables = [("LOG_RETENTION_DAYS", days)];
        let retention = account.function("retention", &deployment.deleter, &variables);
        let expected = json!({ "batches": 0, "logs": logs, "complete": true });
        assert_eq!(retention.run(&json!({})).await, Ok(expected), "{}", retention.log());
    }
    assert_eq!(account.database.count().await, 1);
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn running_it_again_changes_nothing_and_two_runs_at_once_are_safe() {
    let deployment = Deployment::new().await;
    let (one, two) = (deployment.migrate(), deployment.migrate());
    let (one, two) = tokio::join!(report(&one), report(&two));
    let mut applied = [one["applied"].to_string(), two["applied"].to_string()];
    applied.sort();
    assert_eq!(applied, ["[1,2,3,4,5,6,7]", "[]"]);
    let again = deployment.migrate();
    for _ in 0..2 {
        assert_eq!(report(&again).await["applied"], json!([]));
    }
    deployment.may("writer", "first", INSERT).await.expect("the writer writes");
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn an_error_says_what_to_do() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let account = &deployment.account;
    account.run("CREATE USER 'weak'@'%' IDENTIFIED BY 'x'").await;
    account.run("GRANT ALL ON Error_Logs.* TO 'weak'@'%' WITH GRANT OPTION").await;
    let weak = account.moto.create_secret("weak", &user("weak", "x")).await;
    let refused = failure(&deployment.migrate_as(&weak, &deployment.reader)).await;
    assert!(refused.contains("cannot set up the user writer") && refused.contains("needs CREATE USER"), "{refused}");
    // It cannot see what it grants, so it could not see surplus rights either.
    account.run("GRANT CREATE USER ON *.* TO 'weak'@'%'").await;
    let blind = failure(&deployment.migrate_as(&weak, &deployment.reader)).await;
    assert!(blind.contains("grant SELECT on mysql.* to the user that migrates"), "{blind}");
    account.run("GRANT SELECT ON mysql.* TO 'weak'@'%'").await;
    report(&deployment.migrate_as(&weak, &deployment.reader)).await;

    let missing = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nobody-made-it-AbCdEf";
    let unread = failure(&deployment.migrate_as(&deployment.administrator, missing)).await;
    assert!(unread.contains(missing) && unread.contains("ResourceNotFoundException"), "{unread}");

    let mut elsewhere = user("weak", "x");
    elsewhere["DBNAME"] = "Other".into();
    let elsewhere = account.moto.create_secret("elsewhere", &elsewhere).await;
    let contradiction = failure(&deployment.migrate_as(&elsewhere, &deployment.reader)).await;
    assert!(contradiction.contains("DB_NAME differs from the administrator's secret"), "{contradiction}");

    let mut settings = deployment.secrets(&deployment.reader).to_vec();
    settings.push(("DB_PORT", "1"));
    let away = failure(&account.function("migrate", &deployment.administrator, &settings)).await;
    assert!(away.contains("cannot connect to the database") && away.contains("is the network open?"), "{away}");
    deployment.account.server.stop().await;
}
