//! The function that brings the database up to date: schema, users, rights.

use local::database::ServerProgram;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;

use crate::harness::{Account, FunctionRun, Moto, REGION, answer, event, record};

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
async fn what_is_old_is_deleted_by_a_function_with_a_user_of_its_own() {
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
async fn codes_are_counted_and_announced_by_a_function_with_a_user_of_its_own() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let account = &deployment.account;
    let topic = Topic::create(&account.moto).await;
    let settings = topic.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let summarize = account.function("summarize", &deployment.counter, &settings);
    let run = async |event: Value| match summarize.run(&event).await {
        Ok(report) => report,
        Err(error) => panic!("{error}: {}", summarize.log()),
    };
    let post_log = account.function("post-log", &deployment.writer, &[]);
    let body = json!([record("a \n\"device\"", 107, 1), record("b", -8, 1)]).to_string();
    assert_eq!(post_log.send(&body).await.status, 200, "{}", post_log.log());
    let schedule = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    let counted = run(schedule.clone()).await;
    assert_eq!(
        (&counted["counted"], &counted["new_codes"], &counted["complete"]),
        (&json!(2), &json!(2), &json!(true))
    );
    assert_eq!(run(schedule.clone()).await["counted"], 0);
    // Gaps are given up under a lock; the user must be allowed to take it.
    account.run("UPDATE Error_Logs.Summary_State SET counted_to = counted_to").await;
    account.run("INSERT INTO Error_Logs.Summary_Gaps VALUES (1000, 2000, 0)").await;
    assert_eq!(run(schedule).await["complete"], true, "{}", summarize.log());
    assert_eq!(run(json!({ "rebuild": true })).await["counted"], 2);

    let messages = topic.messages().await;
    let [message] = &messages[..] else { panic!("one message for both codes: {messages:?}") };
    assert_eq!(message["Subject"], "New error codes: -8, 107");
    let text = message["Message"].as_str().expect("a text");
    assert!(text.contains(r#"107: 1 so far; first from device "a \n\"device\"" at "#), "{text}");
    assert!(text.contains("\nhttps://example.org/dev/?code=107"), "{text}");

    let get_logs = account.function("get-logs", &deployment.reader, &[]);
    let answer = get_logs.invoke(&event_of("/codes")).await.expect("it answers");
    assert_eq!((answer.status, &answer.body["result"][0]["error_code"]), (200, &json!(-8)), "{}", get_logs.log());
    deployment.account.server.stop().await;
}

/// A topic, and a queue that gets what is sent to it.
struct Topic<'a> {
    moto: &'a Moto,
    arn: String,
    queue: String,
}

impl<'a> Topic<'a> {
    async fn create(moto: &'a Moto) -> Self {
        let created = sns(moto, "CreateTopic", &[("Name", "alarms")]).await;
        let arn = created["CreateTopicResponse"]["CreateTopicResult"]["TopicArn"].as_str().expect("an ARN").to_owned();
        let queue = sqs(moto, "CreateQueue", &json!({ "QueueName": "people" })).await;
        let queue = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        let account = arn.split(':').nth(4).expect("an account");
        let endpoint = format!("arn:aws:sqs:{REGION}:{account}:people");
        sns(moto, "Subscribe", &[("TopicArn", &arn), ("Protocol", "sqs"), ("Endpoint", &endpoint)]).await;
        Self { moto, arn, queue }
    }

    fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("NEW_CODES_TOPIC_ARN", self.arn.clone()),
            ("AWS_ENDPOINT_URL_SNS", self.moto.url().to_owned()),
            ("PAGE_URL", "https://example.org/dev/".to_owned()),
        ]
    }

    async fn messages(&self) -> Vec<Value> {
        let request = json!({ "QueueUrl": self.queue, "MaxNumberOfMessages": 10 });
        let received = sqs(self.moto, "ReceiveMessage", &request).await;
        let messages = received["Messages"].as_array().cloned().unwrap_or_default();
        let body = |message: &Value| serde_json::from_str(message["Body"].as_str().expect("a text"));
        messages.iter().map(|message| body(message).expect("SNS sends JSON")).collect()
    }
}

async fn sns(moto: &Moto, action: &str, parameters: &[(&str, &str)]) -> Value {
    let form = [&[("Action", action), ("Version", "2010-03-31"), ("ContentType", "JSON")], parameters].concat();
    let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", value.replace(':', "%3A"))).collect();
    let request = moto.request("sns", Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
    answer(request.body(form.join("&"))).await
}

async fn sqs(moto: &Moto, operation: &str, request: &Value) -> Value {
    let target = format!("AmazonSQS.{operation}");
    let request = moto.request("sqs", Method::POST, "/").header("x-amz-target", target).body(request.to_string());
    answer(request.header("content-type", "application/x-amz-json-1.0")).await
}

/// GET of a path, as API Gateway passes it on.
fn event_of(path: &str) -> Value {
    let mut event = event();
    event["path"] = path.into();
    event["resource"] = path.into();
    event["requestContext"]["resourcePath"] = path.into();
    event
}

#[tokio::test]
async fn each_user_may_do_what_its_function_needs_and_nothing_else() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    deployment.may("writer", "first", INSERT).await.expect("the writer writes");
    deployment.may("reader", "first", SELECT).await.expect("the reader reads");
    for (username, sql) in [
        ("writer", SELECT),
        ("writer", "DELETE FROM Logs"),
        ("writer", "UPDATE Logs SET error_number = 0"),
        ("writer", "SELECT * FROM _sqlx_migrations"),
        ("writer", "CREATE TABLE other (id INT)"),
        ("reader", INSERT),
        ("reader", "SELECT * FROM _sqlx_migrations"),
        ("reader", "SELECT * FROM mysql.user"),
        ("reader", "SELECT * FROM Batches"),
        ("writer", "DELETE FROM Batches"),
        ("deleter", INSERT),
        ("deleter", "UPDATE Logs SET error_number = 0"),
        ("counter", INSERT),
        ("counter", "DELETE FROM Logs"),
        ("counter", "SELECT * FROM Batches"),
        ("reader", "SELECT * FROM New_Codes"),
        ("reader", "UPDATE Codes SET logs = 0"),
        ("writer", "SELECT * FROM Codes"),
    ] {
        let refused = deployment.may(username, "first", sql).await.expect_err(sql);
        assert!(refused.contains("denied"), "{username}: {sql}: {refused}");
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn where_there_is_a_queue_store_logs_has_a_user_that_may_add_logs_and_nothing_else() {
    let deployment = Deployment::new().await;
    let account = &deployment.account;
    let storer = account.moto.create_secret("storer", &user("storer", "first")).await;
    let mut secrets = deployment.secrets(&deployment.reader).to_vec();
    secrets.push(("STORE_LOGS_SECRET_ARN", &storer));
    let migrate = account.function("migrate", &deployment.administrator, &secrets);
    assert_eq!(report(&migrate).await["users"], json!(["writer", "reader", "deleter", "counter", "storer"]));
    for sql in [INSERT, "SELECT * FROM Batches"] {
        deployment.may("storer", "first", sql).await.expect(sql);
    }
    for sql in [SELECT, "DELETE FROM Logs", "DELETE FROM Batches"] {
        let refused = deployment.may("storer", "first", sql).await.expect_err(sql);
        assert!(refused.contains("denied"), "{sql}: {refused}");
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn a_user_must_log_in_encrypted() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let port = deployment.account.port();
    let url = format!("mysql://reader:first@127.0.0.1:{port}/Error_Logs?ssl-mode=DISABLED");
    let refused = <sqlx::MySqlConnection as sqlx::Connection>::connect(&url).await.expect_err("plain text is refused");
    assert!(refused.to_string().contains("denied") || refused.to_string().contains("secure"), "{refused}");
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
async fn a_password_follows_its_secret_whatever_characters_it_has() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let odd = r#"'; DROP USER writer; -- \' " % _ ü \\"#;
    deployment.account.moto.put_secret(&deployment.reader, &user("reader", odd)).await;
    let migrate = deployment.migrate();
    report(&migrate).await;
    deployment.may("reader", odd, SELECT).await.expect("the new password counts");
    deployment.may("reader", "first", SELECT).await.expect_err("the old one does not");
    deployment.may("writer", "first", INSERT).await.expect("the other user is as before");
    assert!(!migrate.log().contains("DROP USER"), "{}", migrate.log());
    deployment.account.server.stop().await;
}

/// MariaDB writes every statement into this log as it came; MySQL hides passwords where it finds them.
#[tokio::test]
async fn no_password_reaches_the_log_of_a_mysql_server() {
    let deployment = Deployment::new().await;
    let mut connection = deployment.account.server_connection().await;
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.expect("a version");
    if !version.contains("MariaDB") {
        deployment.account.moto.put_secret(&deployment.reader, &user("reader", "s3cret")).await;
        for statement in ["SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = ON"] {
            connection.execute(statement).await.expect("a log can be switched on");
        }
        report(&deployment.migrate()).await;
        connection.execute("SET GLOBAL general_log = OFF").await.expect("a log can be switched off");
        for (text, expected) in [("%s3cret%", 0), ("%'reader'@'\\%' IDENTIFIED BY <secret>%", 2)] {
            let sql = "SELECT COUNT(*) FROM mysql.general_log WHERE CONVERT(argument USING utf8mb4) LIKE ?";
            let lines: i64 = sqlx::query_scalar(sql).bind(text).fetch_one(&mut connection).await.expect("a number");
            assert_eq!(lines, expected, "{text}");
        }
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn rights_that_a_function_does_not_need_are_taken_away() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    for grant in [
        "GRANT PROCESS ON *.* TO 'writer'@'%'",
        "GRANT DELETE ON Error_Logs.* TO 'writer'@'%'",
        "GRANT UPDATE, SELECT ON Error_Logs.Logs TO 'writer'@'%'",
        "GRANT SELECT (version) ON Error_Logs._sqlx_migrations TO 'writer'@'%'",
        "CREATE DATABASE `o``ther`",
        "GRANT ALL ON `o``ther`.* TO 'writer'@'%'",
        "CREATE USER 'WRITER'@'%'",
        "GRANT DELETE ON Error_Logs.* TO 'WRITER'@'%'",
    ] {
        deployment.account.run(grant).await;
    }
    let migrate = deployment.migrate();
    report(&migrate).await;
    assert!(migrate.log().contains("revoking a right that the function does not need"), "{}", migrate.log());
    let mut connection = deployment.account.database.connection().await;
    let grants: Vec<String> =
        sqlx::query_scalar("SHOW GRANTS FOR 'writer'@'%'").fetch_all(&mut connection).await.expect("a list");
    assert_eq!(grants.len(), 3, "{grants:?}");
    for expected in [
        "GRANT USAGE ON *.* TO",
        "GRANT INSERT ON `Error_Logs`.`Logs` TO",
        "GRANT SELECT, INSERT ON `Error_Logs`.`Batches` TO",
    ] {
        assert!(grants.iter().any(|grant| grant.starts_with(expected)), "{expected}: {grants:?}");
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_away_is_named() {
    let deployment = Deployment::new().await;
    let account = &deployment.account;
    report(&deployment.migrate()).await;
    account.run("CREATE PROCEDURE Error_Logs.empty_it() DELETE FROM Error_Logs.Logs").await;
    for (more, less, expected) in [
        (
            "GRANT INSERT ON Error_Logs.Logs TO 'writer'@'%' WITH GRANT OPTION",
            "REVOKE GRANT OPTION ON Error_Logs.Logs FROM 'writer'@'%'",
            "it may do more than the function needs: GRANT INSERT",
        ),
        (
            "GRANT EXECUTE ON PROCEDURE Error_Logs.empty_it TO 'writer'@'%'",
            "REVOKE EXECUTE ON PROCEDURE Error_Logs.empty_it FROM 'writer'@'%'",
            "it may do more than the function needs: GRANT EXECUTE",
        ),
        (
            "CREATE USER 'writer'@'127.0.0.1' IDENTIFIED BY 'other'",
            "DROP USER 'writer'@'127.0.0.1'",
            "an account of this name for a specific host exists",
        ),
    ] {
        account.run(more).await;
        let refused = failure(&deployment.migrate()).await;
        assert!(refused.contains(expected), "{refused}");
        account.run(less).await;
    }
    report(&deployment.migrate()).await;
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn a_secret_without_a_login_that_works_everywhere_is_refused() {
    let deployment = Deployment::new().await;
    for (username, password) in [("reader", ""), (" reader", "p"), ("reader ", "p")] {
        deployment.account.moto.put_secret(&deployment.reader, &user(username, password)).await;
        let refused = failure(&deployment.migrate()).await;
        assert!(refused.contains("its secret must have a username without blanks around it"), "{refused}");
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn a_function_cannot_be_given_the_user_of_another_or_the_one_that_migrates() {
    let deployment = Deployment::new().await;
    let own = failure(&deployment.migrate_as(&deployment.administrator, &deployment.administrator)).await;
    assert!(own.contains("is the user that migrates; give each function a secret with a user of its own"), "{own}");
    let shared = failure(&deployment.migrate_as(&deployment.administrator, &deployment.writer)).await;
    assert!(shared.contains("writer is the user of two functions"), "{shared}");
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn on_a_server_that_keeps_names_in_lower_case_rights_are_as_anywhere() {
    // MySQL wants to know it when its data folder is made.
    if ServerProgram::find().await.expect("there is a server program").flavour() != "MariaDB" {
        return;
    }
    let deployment = Deployment::on(Account::open_on(&["--lower-case-table-names=1"]).await).await;
    for _ in 0..2 {
        report(&deployment.migrate()).await;
        deployment.may("writer", "first", INSERT).await.expect("the writer writes");
        deployment.may("reader", "first", SELECT).await.expect("the reader reads");
    }
    deployment.account.server.stop().await;
}

#[tokio::test]
async fn a_failure_tells_what_to_do() {
    let deployment = Deployment::new().await;
    report(&deployment.migrate()).await;
    let account = &deployment.account;
    account.run("CREATE USER 'weak'@'%' IDENTIFIED BY 'x'").await;
    account.run("GRANT ALL ON Error_Logs.* TO 'weak'@'%' WITH GRANT OPTION").await;
    let weak = account.moto.create_secret("weak", &user("weak", "x")).await;
    let refused = failure(&deployment.migrate_as(&weak, &deployment.reader)).await;
    assert!(refused.contains("cannot set up the user writer") && refused.contains("needs CREATE USER"), "{refused}");
    // What it grants it cannot see: so it could not see what is too much either.
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
    assert!(contradiction.contains("DB_NAME says something else than the administrator's secret"), "{contradiction}");

    let mut settings = deployment.secrets(&deployment.reader).to_vec();
    settings.push(("DB_PORT", "1"));
    let away = failure(&account.function("migrate", &deployment.administrator, &settings)).await;
    assert!(away.contains("cannot connect to the database") && away.contains("is the way to it open?"), "{away}");
    deployment.account.server.stop().await;
}
