//! The server falls silent: it hangs, a failover moved its name, or the environment was frozen.

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::TcpListener;

use super::{
    admin, expect_out_of_reach, expect_recovery, functions, functions_with_timeout, preloaded, processes_of, signal,
    user,
};
use crate::harness::{
    Database, FunctionRun, event, keyed_event, private_server, proxy_before, record, start_proxy, temporary_folder,
};

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
    new_way.silence_connections();
    let event = keyed_event("back", &record("back", 1, 1).to_string());
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
    proxy.silence_connections();
    // Longer than a connection is trusted without a question.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for process in processes.iter().flatten() {
        signal(*process, Signal::SIGCONT);
    }
    expect_recovery(&functions, &processes).await;
    assert_eq!(database.count().await, 2);
}
