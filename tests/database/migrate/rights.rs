//! The users of the functions: their rights and their passwords.

use local::database::ServerProgram;
use serde_json::json;
use sqlx::Executor;

use super::{Deployment, INSERT, SELECT, failure, report, user};
use crate::harness::Account;

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
