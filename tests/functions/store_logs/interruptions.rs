//! Connections that are lost, locks, and a consumer that is killed: no message is lost or stored twice.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use sqlx::Executor;

use super::{NONE, event, failures, message, store_logs};
use crate::harness::{Cut, Database, lock_key, proxy_before, until};

#[tokio::test]
async fn a_connection_that_is_lost_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    let cuts = [Cut::Before("COMMIT"), Cut::After("COMMIT"), Cut::Before("BEGIN"), Cut::After("INSERT INTO Batches")];
    let mut count = 0;
    for (number, cut) in (1..).zip(cuts) {
        proxy.cut(cut);
        // Another number each time: only the first time does a statement cross the wire as text.
        let bodies: Vec<_> = (0..number).map(|place| message(&format!("key-{number}-{place}"), &["a"])).collect();
        assert_eq!(failures(&function, &bodies).await, NONE, "{cut:?}");
        assert!(proxy.has_cut(), "{cut:?}");
        count += number;
        assert_eq!(database.count().await, count, "{cut:?}");
    }
}

#[tokio::test]
async fn the_next_delivery_finds_out_an_unknown_outcome() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    let bodies = [message("k", &["a"]), message("l", &["a"])];
    proxy.cut_then_refuse(Cut::After("COMMIT"), u32::MAX);
    assert_eq!(failures(&function, &bodies).await, [0, 1], "stored, and nobody can tell");
    assert_eq!(database.count().await, 2);
    assert_eq!(failures(&store_logs(&database.url), &bodies).await, NONE);
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_consumer_that_is_killed_between_commit_and_delete_doubles_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = store_logs(&url);
    assert_eq!(failures(&function, &[message("first", &["a"])]).await, NONE);
    let process = function.process_ids()[0];
    proxy.cut(Cut::SilenceAfter("COMMIT"));
    let bodies = [message("k", &["a"]), message("l", &["a", "b"])];
    let event = event(&bodies);
    let kill = async {
        until("the batch is committed", async || database.count().await == 4).await;
        let process = Pid::from_raw(i32::try_from(process).expect("a process id"));
        nix::sys::signal::kill(process, Signal::SIGKILL).expect("it is our own child");
    };
    let (answer, ()) = tokio::join!(function.invoke(&event), kill);
    answer.expect_err("so Lambda deletes nothing");
    assert_eq!(failures(&function, &bodies).await, NONE, "delivered again");
    assert_eq!(database.count().await, 4);
}

#[tokio::test]
async fn a_key_that_another_transaction_has_locked_delays_only_its_own_message() {
    let database = Database::migrated().await;
    let mut other = lock_key(&database, "key-5").await;
    let function = store_logs(&database.url);
    let bodies: Vec<_> = (0..8).map(|place| message(&format!("key-{place}"), &["a"])).collect();
    assert_eq!(failures(&function, &bodies).await, [5]);
    assert_eq!(database.count().await, 7);
    assert!(function.log().contains("another request is storing its Idempotency-Key"), "{}", function.log());
    other.execute("ROLLBACK").await.expect("a transaction can be ended");
    assert_eq!(failures(&function, &bodies).await, NONE);
    assert_eq!(database.count().await, 8);
}
