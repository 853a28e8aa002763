//! Logins by IAM token, as far as servers outside RDS allow: they have no `AWSAuthenticationPlugin`, so they refuse every
//! token. What a token must be is tested where it is made (`platform/iam_token.rs`).

use serde_json::json;

use crate::harness::{Account, record};

#[tokio::test]
async fn a_refused_token_costs_503_and_the_log_says_what_to_look_at() {
    let account = Account::open().await;
    account.run("CREATE USER 'post_log_dev'@'%' IDENTIFIED BY 'p' REQUIRE SSL").await;
    let function = account.function("post-log", "", &[("DB_SECRET_ARN", ""), ("DB_IAM_USER", "post_log_dev")]);
    let answer = function.send(&record("a", 1, 1).to_string()).await;
    let log = function.log();
    assert_eq!(answer.status, 503, "{log}");
    assert!(log.contains("the IAM token was refused") && log.contains("1045"), "{log}");
    assert!(!log.contains("X-Amz-Signature"), "a token is in the log: {log}");
    assert_eq!(account.moto.secret_reads().await, 0);
    account.server.stop().await;
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

#[tokio::test]
async fn migrate_says_that_only_rds_has_iam_logins() {
    let account = Account::open().await;
    let arn = account.moto.create_secret("administrator", &account.whole_secret()).await;
    let users = [
        ("POST_LOG_IAM_USER", "post_log_dev"),
        ("GET_LOGS_IAM_USER", "get_logs_dev"),
        ("RETENTION_IAM_USER", "retention_dev"),
        ("SUMMARIZE_IAM_USER", "summarize_dev"),
    ];
    let migrate = account.function("migrate", &arn, &users);
    let failure = migrate.run(&json!({})).await.expect_err("no server here has the plugin");
    assert!(failure.contains("cannot set up the user post_log_dev"), "{failure}");
    assert!(failure.contains("AWSAuthenticationPlugin"), "{failure}");
    assert!(failure.contains("only RDS and Aurora have IAM database authentication"), "{failure}");
    account.server.stop().await;
}
