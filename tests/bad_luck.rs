//! The database is away, dies, refuses, hangs: 503 with Retry-After in time, then recovery without a restart.

use std::time::Duration;

use local::database::Server;
use serde_json::json;
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::net::TcpListener;

use crate::harness::{Database, FunctionRun, event, private_server, record, until, wait_for_blocked_statements};

fn functions(database: &Database) -> [FunctionRun; 2] {
    let variables = [("DATABASE_URL", database.url.as_str())];
    ["post-log", "get-logs"].map(|name| FunctionRun::with_timeout(name, &variables, Duration::from_secs(6)))
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

#[tokio::test]
async fn a_database_that_is_away_at_start_or_killed_later_costs_503_until_it_is_back() {
    let (mut server, database, _folder) = private_server(&[]).await;
    server.kill().await;
    let functions = functions(&database);
    expect_out_of_reach(&functions).await;
    let processes = processes_of(&functions);

    let mut server = server.restart().await.expect("the server starts again");
    expect_recovery(&functions, &processes).await;

    server.kill().await;
    expect_out_of_reach(&functions).await;
    let server = server.restart().await.expect("the server starts again");
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
    let server = server.restart().await.expect("the server starts again");
    assert_eq!(database.count().await, 0);
    assert_eq!(post_log.send(&body).await.status, 200);
    assert_eq!(database.count().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn nobody_gets_into_a_private_server_without_its_password() {
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
    // Not the administrator, whom a read-only server obeys.
    admin(&server, "CREATE USER 'device'@'127.0.0.1' IDENTIFIED BY 'x'").await;
    admin(&server, "GRANT SELECT, INSERT ON Error_Logs.* TO 'device'@'127.0.0.1'").await;
    let user = Database { url: database.url.replacen("operator:private", "device:x", 1) };
    let functions = functions(&user);
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
    // Not the administrator, for whom one more is kept.
    admin(&server, "CREATE USER 'device'@'127.0.0.1' IDENTIFIED BY 'x'").await;
    admin(&server, "GRANT SELECT, INSERT ON Error_Logs.* TO 'device'@'127.0.0.1'").await;
    let user = Database { url: database.url.replacen("operator:private", "device:x", 1) };
    let mut taken = Vec::new();
    // All ten, also those that the server has not yet taken back from us.
    until("every connection is taken", async || {
        if let Ok(connection) = MySqlConnection::connect(&user.url).await {
            taken.push(connection);
        }
        taken.len() == 10
    })
    .await;
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

#[tokio::test]
async fn a_server_that_takes_the_connection_and_says_nothing_costs_503_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
    let port = silent.local_addr().expect("it has an address").port();
    let held = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = silent.accept().await {
            connections.push(connection);
        }
    });
    let functions = functions(&Database { url: format!("mysql://nobody:x@127.0.0.1:{port}/Error_Logs") });
    expect_out_of_reach(&functions).await;
    held.abort();
}

#[tokio::test]
async fn a_server_that_stops_answering_costs_503_in_time_and_is_used_again_when_it_wakes() {
    let (server, database, _folder) = private_server(&[]).await;
    let functions = functions(&database);
    functions[0].send(&record("before", 1, 1).to_string()).await;
    functions[1].invoke(&event()).await.expect("it answers");
    let processes = processes_of(&functions);
    let id = nix::unistd::Pid::from_raw(server.process_id().and_then(|id| id.try_into().ok()).expect("it runs"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGSTOP).expect("our own child can be stopped");
    expect_out_of_reach(&functions).await;
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGCONT).expect("our own child can be woken");
    expect_recovery(&functions, &processes).await;
    server.stop().await;
}
