//! The database is away, dies, refuses, hangs: 503 with Retry-After in time, then recovery without a restart.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use local::database::Server;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::net::TcpListener;

use crate::harness::{
    Database, FunctionRun, body_event, event, private_server, proxy_before, record, start_proxy, temporary_folder,
    until, wait_for_blocked_statements,
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

/// The same database for a user who is not the administrator: him a read-only server obeys, and for him one more
/// connection is kept.
async fn user(server: &Server, database: &Database) -> Database {
    admin(server, "CREATE USER 'device'@'127.0.0.1' IDENTIFIED BY 'x'").await;
    admin(server, "GRANT SELECT, INSERT ON Error_Logs.* TO 'device'@'127.0.0.1'").await;
    Database { url: database.url.replacen("operator:private", "device:x", 1) }
}

fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process.try_into().expect("process ids are small")), signal).expect("our own child");
}

/// All ten, also those that the server has not yet taken back from us.
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
    proxy.turn_away(3);
    assert_eq!(functions[0].send(&record("a", 1, 1).to_string()).await.status, 200, "{}", functions[0].log());
    assert!(proxy.is_open());
    proxy.turn_away(3);
    assert_eq!(functions[1].invoke(&event()).await.expect("it answers").status, 200, "{}", functions[1].log());
    assert!(proxy.is_open());
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_server_whose_own_settings_are_for_long_transactions_keeps_what_it_acknowledged() {
    for option in ["--autocommit=0", "--completion-type=1"] {
        let (mut server, database, _folder) = private_server(&[option]).await;
        let functions = functions(&database);
        let keyed = |key: &str| {
            let mut event = body_event(&record("a", 1, 1).to_string());
            event["headers"]["Idempotency-Key"] = key.into();
            event
        };
        let listed = async || {
            let answer = functions[1].invoke(&event()).await.expect("it answers");
            answer.body["result"].as_array().map(Vec::len)
        };
        assert_eq!(listed().await, Some(0));
        for (number, key) in [Some("a"), None, Some("b"), None].into_iter().enumerate() {
            let event = key.map_or_else(|| body_event(&record("a", 1, 1).to_string()), keyed);
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
    let server_process = server.process_id().expect("it runs");
    signal(server_process, Signal::SIGSTOP);
    expect_out_of_reach(&functions).await;
    signal(server_process, Signal::SIGCONT);
    expect_recovery(&functions, &processes).await;
    server.stop().await;
}

#[tokio::test]
async fn a_failover_to_a_new_address_behind_the_same_name_costs_no_request() {
    let folder = temporary_folder();
    let hosts = folder.path().join("hosts");
    // The library looks at the file's time, in whole seconds.
    let mut changed = std::time::UNIX_EPOCH;
    let mut point_to = |address: Ipv4Addr| {
        std::fs::write(&hosts, format!("{address} database.example\n")).expect("the file can be written");
        changed += Duration::from_mins(1);
        let file = std::fs::File::options().write(true).open(&hosts).expect("it is there");
        file.set_modified(changed).expect("its time can be set");
    };
    let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];
    let (old, old_database, _old_folder) = private_server(&[]).await;
    let (new, new_database, _new_folder) = private_server(&[]).await;
    let old_user = user(&old, &old_database).await;
    user(&new, &new_database).await;
    let old_way = start_proxy((addresses[0], 0), old.port()).await;
    let new_way = start_proxy((addresses[1], old_way.port), new.port()).await;

    point_to(addresses[0]);
    let name = format!("database.example:{}", old_way.port);
    let url = old_user.url.replacen(&format!("127.0.0.1:{}", old.port()), &name, 1);
    let library = preloaded("NSS_WRAPPER");
    let names = hosts.to_str().expect("a path of letters");
    let variables = [("DATABASE_URL", &*url), ("LD_PRELOAD", &*library), ("NSS_WRAPPER_HOSTS", names)];
    let post_log = FunctionRun::with_timeout("post-log", &variables, Duration::from_secs(6));
    assert_eq!(post_log.send(&record("before", 1, 1).to_string()).await.status, 200, "{}", post_log.log());
    let process = post_log.process_ids();

    admin(&old, "SET GLOBAL read_only = ON").await;
    point_to(addresses[1]);
    let answer = post_log.send(&record("after", 1, 1).to_string()).await;
    assert_eq!(answer.status, 200, "the old server is still there, and read-only: {}", post_log.log());
    assert_eq!((old_database.count().await, new_database.count().await), (1, 1));

    // And back, from a server that nothing is heard of any more.
    admin(&old, "SET GLOBAL read_only = OFF").await;
    point_to(addresses[0]);
    new_way.forget_connections();
    let mut event = body_event(&record("back", 1, 1).to_string());
    event["headers"]["Idempotency-Key"] = "back".into();
    assert_eq!(post_log.invoke(&event).await.expect("it answers").status, 200, "{}", post_log.log());
    assert_eq!((old_database.count().await, new_database.count().await), (2, 1));
    assert_eq!(post_log.process_ids(), process);
    old.stop().await;
    new.stop().await;
}

#[tokio::test]
async fn environments_that_were_frozen_past_the_life_of_their_connection_answer_at_once() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    // So short that there is time for the rest only if the silence of the old connection is noticed soon.
    let functions = functions_with_timeout(&Database { url }, Duration::from_secs(3));
    functions[0].send(&record("before", 1, 1).to_string()).await;
    functions[1].invoke(&event()).await.expect("it answers");
    let processes = processes_of(&functions);
    for process in processes.iter().flatten() {
        signal(*process, Signal::SIGSTOP);
    }
    // As a gateway for addresses forgets a connection over which nothing came for minutes: nobody is told.
    proxy.forget_connections();
    // Longer than a connection is trusted without a question.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for process in processes.iter().flatten() {
        signal(*process, Signal::SIGCONT);
    }
    expect_recovery(&functions, &processes).await;
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let database = Database::migrated().await;
    let folder = temporary_folder();
    let clock = folder.path().join("clock");
    let set = |offset: &str| std::fs::write(&clock, offset).expect("the file can be written");
    set("+0");
    let post_log = with_clock(&database, &clock);
    let send = async |key: &str| {
        let mut event = body_event(&record("device", 1, 1).to_string());
        event["headers"]["Idempotency-Key"] = key.into();
        let answer = post_log.invoke(&event).await.expect("it answers");
        (answer.status, answer.body["duplicate"].as_bool())
    };
    assert_eq!(send("first").await, (200, Some(false)), "{}", post_log.log());
    let process = post_log.process_ids();
    set("-1d");
    assert_eq!(send("first").await, (200, Some(true)));
    assert_eq!(send("second").await, (200, Some(false)));
    set("+1d");
    assert_eq!(send("third").await, (200, Some(false)), "by this clock Lambda has ended the function");
    // Whatever the clock says, an answer goes out before the function's time is over.
    let mut blocker = database.connection().await;
    blocker.execute("LOCK TABLES Logs WRITE").await.expect("a table can be locked");
    for offset in ["-1d", "+1d"] {
        set(offset);
        assert_eq!(send("fourth").await, (503, None), "{offset}");
    }
    blocker.execute("UNLOCK TABLES").await.expect("a table can be unlocked");
    set("+0");
    assert_eq!(send("second").await, (200, Some(true)));
    assert_eq!(send("third").await, (200, Some(true)));
    assert_eq!(send("fourth").await, (200, Some(false)));
    assert_eq!(database.count().await, 4);
    assert_eq!(post_log.process_ids(), process);
    let mut connection = database.connection().await;
    let dates: Vec<i64> = sqlx::query_scalar("SELECT received_at FROM Logs ORDER BY error_log_id")
        .fetch_all(&mut connection)
        .await
        .expect("there is a table Logs");
    assert!(dates[1] < dates[0] && dates[0] <= dates[2], "the clock did jump: {dates:?}");
}

/// post-log, with the time of day as the file says: an offset to the real one. The monotonic clock goes on.
fn with_clock(database: &Database, clock: &Path) -> FunctionRun {
    let library = preloaded("FAKETIME");
    let variables = [
        ("DATABASE_URL", &*database.url),
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("a path of letters")),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    FunctionRun::with_timeout("post-log", &variables, Duration::from_secs(6))
}
