//! What migrate does about users that log in by IAM. The statements that it writes for RDS are tested in `mysql/users.rs`.

use serde_json::{Value, json};
use sqlx::Connection;

use super::{PASSWORD, USERS, migrate_to_passwords};
use crate::harness::Account;

/// As RDS leaves an account that logged in by tokens: here nothing can create one.
async fn give_it_the_plugin(account: &Account, user: &str) {
    let mut connection = account.server_connection().await;
    let version: String =
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.expect("it has a version");
    let change = if version.contains("MariaDB") {
        "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.plugin', 'AWSAuthenticationPlugin', \
         '$.authentication_string', 'RDS') WHERE User = "
    } else {
        "UPDATE mysql.user SET plugin = 'AWSAuthenticationPlugin', authentication_string = 'RDS' WHERE User = "
    };
    connection.close().await.expect("a connection can be closed");
    account.run(&format!("{change}'{user}'")).await;
    account.run("FLUSH PRIVILEGES").await;
}

#[tokio::test]
async fn migrate_gives_a_user_that_had_tokens_a_password_again_and_open_connections_stay() {
    let account = Account::open().await;
    let migrate = migrate_to_passwords(&account).await;
    migrate.run(&json!({})).await.expect("the users can be created");
    let mut open = account.log_in("post_log_dev", PASSWORD).await.expect("it has a password");

    give_it_the_plugin(&account, "post_log_dev").await;
    account.log_in("post_log_dev", PASSWORD).await.expect_err("it has tokens now");
    migrate.run(&json!({})).await.expect("the users can be changed");
    let new = account.log_in("post_log_dev", PASSWORD).await.expect("it has a password again");
    new.close().await.expect("a connection can be closed");
    open.ping().await.expect("a change of the login ends no connection");
    open.close().await.expect("a connection can be closed");
    account.server.stop().await;
}

#[tokio::test]
async fn migrate_says_that_only_rds_has_iam_logins() {
    let account = Account::open().await;
    let arn = account.moto.create_secret("administrator", &account.whole_secret()).await;
    let users = USERS.map(|(name, user)| (format!("{name}_IAM_USER"), user));
    let users: Vec<_> = users.iter().map(|(name, user)| (&**name, *user)).collect();
    let migrate = account.function("migrate", &arn, &users);
    let failure = migrate.run(&Value::Null).await.expect_err("no server here has the plugin");
    assert!(failure.contains("cannot set up the user post_log_dev"), "{failure}");
    assert!(failure.contains("AWSAuthenticationPlugin"), "{failure}");
    assert!(failure.contains("only RDS and Aurora have IAM database authentication"), "{failure}");
    account.server.stop().await;
}
