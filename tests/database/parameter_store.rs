//! Credentials from Parameter Store (moto), with `DB_PARAMETER_NAME` in place of `DB_SECRET_ARN`.

use serde_json::{Value, json};

use super::secrets::{expect_out_of_reach, expect_stored};
use crate::harness::{Account, FunctionRun, Moto};

const NAME: &str = "/error-codes/dev/database";
const SECURE: &str = "SecureString";

fn function(account: &Account, name: &str, changes: &[(&str, &str)]) -> FunctionRun {
    let by_parameter = [("DB_SECRET_ARN", ""), ("DB_PARAMETER_NAME", NAME)];
    account.function(name, "", &[&by_parameter, changes].concat())
}

#[tokio::test]
async fn a_parameter_holds_the_same_json_as_a_secret_and_is_read_once() {
    let account = Account::open().await;
    account.moto.put_parameter(NAME, SECURE, &account.whole_secret()).await;
    let (_, password) = account.administrator();
    let function = function(&account, "post-log", &[("RUST_LOG", "debug")]);
    for _ in 0..3 {
        expect_stored(&function).await;
    }
    assert_eq!((account.moto.parameter_reads().await, account.moto.secret_reads().await), (1, 0));
    assert!(!function.log().contains(&password), "{}", function.log());
    account.server.stop().await;
}

#[tokio::test]
async fn a_password_that_is_changed_is_read_again_when_the_login_is_refused() {
    let account = Account::open().await;
    account.create_user("writer", "first").await;
    let login = |password: &str| json!({ "username": "writer", "password": password });
    account.moto.put_parameter(NAME, SECURE, &login("first")).await;
    let function = function(&account, "post-log", &[]);
    expect_stored(&function).await;
    let process = function.process_ids();

    account.moto.put_parameter(NAME, SECURE, &login("second")).await;
    account.run("ALTER USER 'writer'@'%' IDENTIFIED BY 'second'").await;
    expect_stored(&function).await;
    assert_eq!(account.moto.parameter_reads().await, 1, "what is connected stays so");
    account.end_connections_of("writer").await;
    // Longer than a connection is trusted without being asked.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    expect_stored(&function).await;
    assert_eq!(account.moto.parameter_reads().await, 2);
    assert_eq!(function.process_ids(), process);
    account.server.stop().await;
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_no_secure_string_costs_503_and_the_log_says_which() {
    let account = Account::open().await;
    // moto reads all of AWS's public parameters at the first call, which takes longer than a function waits.
    account.moto.put_parameter("/another", SECURE, &json!({})).await;
    let function = function(&account, "post-log", &[]);
    expect_out_of_reach(&function, "(ParameterNotFound)").await;
    expect_out_of_reach(&function, "the parameter /error-codes/dev/database cannot be read").await;
    account.moto.put_parameter(NAME, "String", &account.whole_secret()).await;
    expect_out_of_reach(&function, "the parameter is no SecureString").await;
    account.server.stop().await;
}

#[tokio::test]
async fn the_log_says_when_a_function_may_not_read_its_parameter_or_cannot_reach_it() {
    let mut account = Account::open_with(Moto::start_denying("AmazonSSM.GetParameter").await).await;
    account.moto.put_parameter(NAME, SECURE, &account.whole_secret()).await;
    let function = function(&account, "post-log", &[]);
    expect_out_of_reach(&function, "is not authorized to perform: AmazonSSM:GetParameter").await;
    account.moto.stop().await;
    expect_out_of_reach(&function, "Parameter Store is out of reach").await;
    account.server.stop().await;
}

#[tokio::test]
async fn migrate_makes_the_users_with_an_administrators_login_from_parameter_store() {
    let account = Account::open().await;
    account.moto.put_parameter(NAME, SECURE, &account.whole_secret()).await;
    let mut secrets = Vec::new();
    for name in ["POST_LOG", "GET_LOGS", "RETENTION", "SUMMARIZE"] {
        let login = json!({ "username": name.to_lowercase(), "password": "pass word" });
        secrets.push((format!("{name}_SECRET_ARN"), account.moto.create_secret(name, &login).await));
    }
    let secrets: Vec<_> = secrets.iter().map(|(name, arn)| (name.as_str(), arn.as_str())).collect();
    let migrate = function(&account, "migrate", &secrets);
    let report = migrate.run(&Value::Null).await.unwrap_or_else(|error| panic!("{error}: {}", migrate.log()));
    assert_eq!(report["users"], json!(["post_log", "get_logs", "retention", "summarize"]));
    account.log_in("post_log", "pass word").await.expect("the user is there");
    account.server.stop().await;
}
