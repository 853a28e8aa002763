//! The database is unreachable, dies, refuses or hangs: the response is 503 with Retry-After in time, and the functions
//! recover without a restart.

mod clock;
mod silence;

use std::time::Duration;

use local::database::Server;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use sqlx::{Connection, Executor, MySqlConnection};

use crate::harness::{
    Database, FunctionRun, event, keyed_event, private_server, proxy_before, record, until, wait_for_blocked_statements,
};

fn functions(database: &Database) -> [FunctionRun; 2] {
    functions_with_timeout(database, Duration::from_secs(6))
}

fn functions_with_timeout(database: &Database, timeout: Duration) -> [FunctionRun; 2] {
    let variables = [("DATABASE_URL", database.url.as_str())];
    ["post-log", "get-logs"].map(|name| FunctionRun::with_timeout(name, &variables, timeout))
}

/// Both answer 503 now, in the shape of the contract. A 504 or a 502 would be an error of the harness.
async fn expect_out_of_reach(functions: &[FunctionRun; 2]) {
    for function in functions {
        let mut event = event();
        event["body"] = record("lost?", 1, 1).to_string().into();
        let answer = function.invoke(&event).await.expect("an answer goes out before the deadline");
        assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{:?}", answer.body);
    }
}

/// Both work again, in the processes that they had.
async fn expect_recovery(functions: &[FunctionRun; 2], processes: &[Vec<u32>; 2]) {
    assert_eq!(functions[0].send(&record("after", 1, 1).to_string()).await.status, 200);
    assert_eq!(functions[1].invoke(&event()).await.expect("it answers").status, 200);
    assert_eq!(&processes_of(functions), processes);
}

fn processes_of(functions: &[FunctionRun; 2]) -> [Vec<u32>; 2] {
    [functions[0].process_ids(), functions[1].process_ids()]
}

async fn admin(server: &Server, sql: &str) {
    let mut connection = MySqlConnection::connect(&server.url("mysql")).await.expect("the server answers");
    connection.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("a connection can be closed");
}

/// The same database as a user who is not the administrator. The administrator may write to a read-only server, and has
/// a connection reserved.
async fn user(server: &Server, database: &Database) -> Database {
    admin(server, "CREATE USER 'device'@'127.0.0.1' IDENTIFIED BY 'x'").await;
    admin(server, "GRANT SELECT, INSERT ON Error_Logs.* TO 'device'@'127.0.0.1'").await;
    Database { url: database.url.replacen("operator:private", "device:x", 1) }
}

fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.try_into().expect("process ids are small")), signal).expect("our own child");
}

/// Takes all ten connections, once the server has released those that were closed before.
async fn take_all(user: &Database, taken: &mut Vec<MySqlConnection>) {
    until("every connection is taken", async || {
        if taken.len() < 10
            && let Ok(connection) = MySqlConnection::connect(&user.url).await
        {
            taken.push(connection);
        }
        taken.len() == 10
    })
    .await;
}

/// A library that ./dev test provides.
fn preloaded(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; run ./dev test"))
}

#[tokio::test]
async fn a_database_that_is_away_at_start_or_killed_later_costs_503_until_it_is_back() {
    let (mut server, database, _folder) = private_server(&[]).await;
    server.kill().await;
    let functions = functions(&database);
    expect_out_of_reach(&functions).await;
    let processes = processes_of(&functions);

    server.restart().await.expect("the server starts again");
    expect_recovery(&functions, &processes).await;

    server.kill().await;
    expect_out_of_reach(&functions).await;
    server.restart().await.expect("the server starts again");
    expect_recovery(&functions, &processes).await;
    assert_eq!(database.count().await, 2, "what was answered with 503 is not stored");
    server.stop().await;
}

#[tokio::test]
async fn a_database_that_is_killed_in_the_middle_of_a_request_costs_503_and_the_log_says_that_it_is_ambiguous() {
    let (mut server, database, _folder) = private_server(&[]).await;
    let [post_log, _] = functions(&database);
    let mut blocker = database.connection().await;
    blocker.execute("LOCK TABLES Logs WRITE").await.expect("a table can be locked");
    let body = record("lost?", 1, 1).to_string();
    let in_the_middle = async {
        wait_for_blocked_statements(&database, 1).await;
        server.kill().await;
    };
    let (answer, ()) = tokio::join!(post_log.send(&body), in_the_middle);
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")));
    assert!(post_log.log().contains("\"ambiguous\":true"), "{}", post_log.log());
    server.restart().await.expect("the server starts again");
    assert_eq!(database.count().await, 0);
    assert_eq!(post_log.send(&body).await.status, 200);
    assert_eq!(database.count().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_private_server_refuses_logins_without_its_password() {
    let (server, database, _folder) = private_server(&[]).await;
    for user in ["root@", "operator@", "operator:wrong@", "@"] {
        let url = database.url.replacen("operator:private@", user, 1);
        let refused = MySqlConnection::connect(&url).await.expect_err(user);
        let text = refused.to_string();
        assert!(text.contains("1045") || text.contains("1698") || text.contains("Access denied"), "{user}: {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_database_that_became_read_only_refuses_and_takes_over_again() {
    let (server, database, _folder) = private_server(&[]).await;
    let functions = functions(&user(&server, &database).await);
    functions[0].send(&record("before", 1, 1).to_string()).await;
    functions[1].invoke(&event()).await.expect("it answers");
    let processes = processes_of(&functions);

    admin(&server, "SET GLOBAL read_only = ON").await;
    let refused = functions[0].send(&record("lost?", 1, 1).to_string()).await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (503, &json!("1")));
    assert_eq!(functions[1].invoke(&event()).await.expect("it answers").status, 200, "reading still works");
    admin(&server, "SET GLOBAL read_only = OFF").await;
    expect_recovery(&functions, &processes).await;
    assert_eq!(database.count().await, 2);
    server.stop().await;
}

#[tokio::test]
async fn a_server_without_a_free_connection_costs_503_until_there_is_one() {
    let (server, database, _folder) = private_server(&["--max-connections=10"]).await;
    let user = user(&server, &database).await;
    let mut taken = Vec::new();
    take_all(&user, &mut taken).await;
    let functions = functions(&user);
    expect_out_of_reach(&functions).await;
    let processes = processes_of(&functions);
    for connection in taken {
        connection.close().await.expect("a connection can be closed");
    }
    expect_recovery(&functions, &processes).await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_finds_no_free_connection_waits_for_one() {
    let (server, database, _folder) = private_server(&["--max-connections=10"]).await;
    let user = user(&server, &database).await;
    let mut taken = Vec::new();
    let variables = [("DATABASE_URL", user.url.as_str()), ("RUST_LOG", "logs_core=debug")];
    let post_log = FunctionRun::with_timeout("post-log", &variables, Duration::from_secs(6));
    // Freed when the request has been turned away once; who is slow and too late for the second that it has tries again.
    until("a request waited for a connection", async || {
        take_all(&user, &mut taken).await;
        let turned_away = post_log.log().matches("no connection yet").count();
        let free = async {
            until("it is turned away", async || post_log.log().matches("no connection yet").count() > turned_away)
                .await;
            let connection = taken.pop().expect("ten are many");
            connection.close().await.expect("a connection can be closed");
        };
        let body = record("waits", 1, 1).to_string();
        let (answer, ()) = tokio::join!(post_log.send(&body), free);
        answer.status == 200
    })
    .await;
    assert_eq!(database.count().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_database_that_is_back_within_a_second_costs_no_request() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let functions = functions(&Database { url });
    // At start, where the first one is not tried again, and later.
    proxy.refuse_next(3);
    assert_eq!(functions[0].send(&record("a", 1, 1).to_string()).await.status, 200, "{}", functions[0].log());
    assert!(proxy.has_refused_all());
    proxy.refuse_next(3);
    assert_eq!(functions[1].invoke(&event()).await.expect("it answers").status, 200, "{}", functions[1].log());
    assert!(proxy.has_refused_all());
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_server_whose_own_settings_are_for_long_transactions_keeps_what_it_acknowledged() {
    for option in ["--autocommit=0", "--completion-type=1"] {
        let (mut server, database, _folder) = private_server(&[option]).await;
        let functions = functions(&database);
        let listed = async || {
            let answer = functions[1].invoke(&event()).await.expect("it answers");
            answer.body["result"].as_array().map(Vec::len)
        };
        assert_eq!(listed().await, Some(0));
        for (number, key) in [Some("a"), None, Some("b"), None].into_iter().enumerate() {
            let event = keyed_event(key, &record("a", 1, 1).to_string());
            assert_eq!(functions[0].invoke(&event).await.expect("it answers").status, 200, "{option}");
            assert_eq!(listed().await, Some(number + 1), "{option}: who reads sees what came later");
        }
        server.kill().await;
        server.restart().await.expect("the server starts again");
        assert_eq!(database.count().await, 4, "{option}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_table_that_stays_locked_past_the_deadline_costs_503_and_stores_nothing() {
    let database = Database::migrated().await;
    let functions = functions(&database);
    let mut blocker = database.connection().await;
    blocker.execute("LOCK TABLES Logs WRITE").await.expect("a table can be locked");
    expect_out_of_reach(&functions).await;
    let processes = processes_of(&functions);
    blocker.execute("UNLOCK TABLES").await.expect("a table can be unlocked");
    expect_recovery(&functions, &processes).await;
    assert_eq!(database.count().await, 1);
}
