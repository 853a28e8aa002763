//! Credentials from Secrets Manager (moto) and a database that wants TLS: as in AWS.

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{Account, FunctionRun, Moto, event, record};

pub(super) async fn expect_stored(function: &FunctionRun) {
    let answer = function.send(&record("a", 1, 1).to_string()).await;
    assert_eq!(answer.status, 200, "{:?}\n{}", answer.body, function.log());
}

pub(super) async fn expect_out_of_reach(function: &FunctionRun, reason: &str) {
    let answer = function.send(&record("lost?", 1, 1).to_string()).await;
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{}", function.log());
    let told = answer.body.to_string();
    let log = function.log();
    let line = log.lines().rfind(|line| line.contains("not acknowledged")).unwrap_or_default();
    assert!(line.contains(reason), "the log does not say {reason}: {log}");
    assert!(!told.contains("ecret") && !told.contains("arn:"), "{told}");
}

#[tokio::test]
async fn a_secret_holds_the_credentials_in_the_spelling_of_aws_or_of_secrets_json() {
    let account = Account::open().await;
    let aws = account.whole_secret();
    let short = json!({
        "HOST": "127.0.0.1", "PORT": account.port().to_string(), "DBNAME": "Error_Logs",
        "USER": aws["username"], "PASS": aws["password"],
    });
    for (name, secret) in [("aws", aws), ("short", short)] {
        let arn = account.moto.create_secret(name, &secret).await;
        // The secret holds every value, so these wrong ones are not used.
        let changes = [("DB_HOST", "nowhere.invalid"), ("DB_PORT", "1"), ("DB_NAME", "Nothing")];
        expect_stored(&account.function("post-log", &arn, &changes)).await;
    }
    assert_eq!(account.database.count().await, 2);
    account.server.stop().await;
}

#[tokio::test]
async fn a_secret_that_rds_manages_is_completed_by_settings_and_read_once() {
    let account = Account::open().await;
    let (username, password) = account.administrator();
    let arn = account.moto.create_secret("managed", &json!({ "username": username, "password": password })).await;
    let function = account.function("post-log", &arn, &[("RUST_LOG", "debug")]);
    for _ in 0..3 {
        expect_stored(&function).await;
    }
    assert_eq!(account.moto.secret_reads().await, 1);
    assert!(!function.log().contains(&password), "{}", function.log());
    account.server.stop().await;
}

#[tokio::test]
async fn a_value_that_neither_secret_nor_setting_has_ends_the_start() {
    let account = Account::open().await;
    let arn = account.moto.create_secret("managed", &json!({ "username": "u", "password": "s3cret" })).await;
    for name in ["DB_HOST", "DB_NAME"] {
        let function = account.function("get-logs", &arn, &[(name, "")]);
        function.invoke(&event()).await.expect_err("it ends");
        let log = function.log();
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains(&format!("{name} is not set")) && !log.contains("s3cret"), "{log}");
    }
    account.server.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_of_no_use_costs_503_names_the_key_and_is_read_again_once_it_is_mended() {
    let account = Account::open().await;
    let whole = account.whole_secret();
    let without = |key: &str| {
        let mut secret = whole.clone();
        secret.as_object_mut().expect("an object").remove(key);
        secret
    };
    let arn = account.moto.create_secret("broken", &without("password")).await;
    let function = account.function("post-log", &arn, &[]);
    expect_out_of_reach(&function, "must have the key password or PASS").await;
    let process = function.process_ids();
    for (secret, reason) in [
        (without("username"), "must have the key username or USER"),
        (json!({ "username": "u", "password": "p", "port": "x" }), "must have a number from 1 to 65535 under port"),
        (Value::String("s3cret".to_owned()), "is not a JSON object"),
    ] {
        account.moto.put_secret(&arn, &secret).await;
        expect_out_of_reach(&function, reason).await;
    }
    account.moto.put_secret(&arn, &whole).await;
    expect_stored(&function).await;
    assert_eq!(function.process_ids(), process);
    assert!(!function.log().contains("s3cret"), "{}", function.log());
    account.server.stop().await;
}

#[tokio::test]
async fn a_password_that_is_changed_while_the_function_runs_costs_no_request() {
    let account = Account::open().await;
    account.create_user("writer", "first").await;
    let secret = |password: &str| json!({ "username": "writer", "password": password });
    let arn = account.moto.create_secret("writer", &secret("first")).await;
    let functions = ["post-log", "get-logs"].map(|name| account.function(name, &arn, &[]));
    expect_stored(&functions[0]).await;
    functions[1].invoke(&event()).await.expect("it answers");
    let processes = functions.each_ref().map(FunctionRun::process_ids);

    account.moto.put_secret(&arn, &secret("second")).await;
    account.run("ALTER USER 'writer'@'%' IDENTIFIED BY 'second'").await;
    // Open connections stay, and need no secret.
    expect_stored(&functions[0]).await;
    assert_eq!(account.moto.secret_reads().await, 2);

    account.end_connections_of("writer").await;
    // Longer than a connection is trusted without being asked.
    tokio::time::sleep(Duration::from_secs(1)).await;
    expect_stored(&functions[0]).await;
    assert_eq!(functions[1].invoke(&event()).await.expect("it answers").status, 200);
    assert_eq!(account.moto.secret_reads().await, 4);
    assert_eq!(functions.each_ref().map(FunctionRun::process_ids), processes);
    account.server.stop().await;
}

#[tokio::test]
async fn a_permanently_wrong_password_costs_one_secret_read_per_request() {
    let account = Account::open().await;
    let mut secret = account.whole_secret();
    secret["password"] = "wr0ng".into();
    let arn = account.moto.create_secret("wrong", &secret).await;
    let function = account.function("post-log", &arn, &[]);
    expect_out_of_reach(&function, "1045").await;
    let reads = account.moto.secret_reads().await;
    expect_out_of_reach(&function, "1045").await;
    assert_eq!(account.moto.secret_reads().await, reads + 1);
    assert!(!function.log().contains("wr0ng"), "{}", function.log());
    account.server.stop().await;
}

#[tokio::test]
async fn a_secrets_manager_that_is_away_costs_503_and_nothing_once_the_secret_is_known() {
    let mut account = Account::open().await;
    let arn = account.moto.create_secret("whole", &account.whole_secret()).await;
    let early = account.function("post-log", &arn, &[]);
    expect_stored(&early).await;
    account.moto.stop().await;
    expect_stored(&early).await;

    let late = account.function("post-log", &arn, &[]);
    expect_out_of_reach(&late, "Secrets Manager is out of reach").await;
    let process = late.process_ids();
    expect_out_of_reach(&late, &arn).await;
    assert_eq!(late.process_ids(), process);
    account.server.stop().await;
}

#[tokio::test]
async fn a_secrets_manager_that_says_nothing_costs_503_in_time() {
    let account = Account::open().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
    let url = format!("http://{}", silent.local_addr().expect("it has an address"));
    let arn = account.moto.create_secret("whole", &account.whole_secret()).await;
    let function = account.function("post-log", &arn, &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url)]);
    expect_out_of_reach(&function, "Secrets Manager").await;
    account.server.stop().await;
}

#[tokio::test]
async fn a_malformed_response_of_secrets_manager_is_not_reported_as_a_refusal() {
    let account = Account::open().await;
    let page = Router::new().fallback(async || Html("<h1>Sign in to the network</h1>"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    tokio::spawn(async move { axum::serve(listener, page).await });
    let arn = account.moto.create_secret("whole", &account.whole_secret()).await;
    let function = account.function("post-log", &arn, &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", &url)]);
    expect_out_of_reach(&function, "Secrets Manager is out of reach: HTTP 200").await;
    account.server.stop().await;
}

#[tokio::test]
async fn the_log_says_when_a_function_may_not_read_its_secret() {
    let account = Account::open_with(Moto::start_denying("secretsmanager.GetSecretValue").await).await;
    let arn = account.moto.create_secret("whole", &account.whole_secret()).await;
    let function = account.function("post-log", &arn, &[]);
    expect_out_of_reach(&function, "is not authorized to perform: secretsmanager:GetSecretValue").await;
    expect_out_of_reach(&function, &arn).await;
    account.server.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named_in_the_log() {
    let account = Account::open().await;
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nobody-made-it-AbCdEf";
    let function = account.function("post-log", arn, &[]);
    expect_out_of_reach(&function, "ResourceNotFoundException").await;
    expect_out_of_reach(&function, arn).await;
    account.server.stop().await;
}

#[tokio::test]
async fn a_server_that_rds_did_not_sign_or_that_has_another_name_gets_no_password() {
    let account = Account::open().await;
    let mut secret = account.whole_secret();
    let arn = account.moto.create_secret("whole", &secret).await;
    // Without a bundle of our own, RDS's counts.
    expect_out_of_reach(&account.function("post-log", &arn, &[("DB_CA_BUNDLE", "")]), "UnknownIssuer").await;
    secret["host"] = "localhost".into();
    account.moto.put_secret(&arn, &secret).await;
    expect_out_of_reach(&account.function("post-log", &arn, &[]), "not valid for name").await;
    account.server.stop().await;
}
