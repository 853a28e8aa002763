//! `./dev copy`: a live stage moves to the other store, and nothing is lost or doubled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use logs_core::{Batch, IdempotencyKey, InsertOutcome, NewBatch, Store, clock};
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Database, TABLE, Table, binaries, in_time, record, table_variables, until};

fn command(from: &str, to: &str, table: &Table) -> Command {
    let mut command = Command::new(binaries().join("dev"));
    command.args(["copy", "--from", from, "--to", to]).envs(table_variables(&table.url));
    command
}

async fn copy(from: &str, to: &str, table: &Table) -> String {
    let output = command(from, to, table).output().await.expect("dev can be run");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

async fn send(store: &Store, number: usize) -> InsertOutcome {
    let records: Vec<_> = (0..3).map(|code| record(&format!("device-{number}"), code, 1_764_000_000)).collect();
    let batch = Batch::parse(json!(records).to_string().as_bytes()).expect("the body is good");
    let key = IdempotencyKey::parse(&format!("key-{number}")).expect("a key");
    let batch = NewBatch::new(&key, &batch, clock::unix_seconds());
    store.insert_once(batch, in_time()).await.expect("the store is there")
}

/// How often each code of each device is stored.
fn counts<'a>(logs: impl IntoIterator<Item = (&'a str, i32)>) -> BTreeMap<(String, i32), usize> {
    let mut counts = BTreeMap::new();
    for (device, code) in logs {
        *counts.entry((device.to_owned(), code)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_live_stage_moves_to_a_table_and_each_code_is_there_once() {
    let (database, table) = (Database::migrated().await, Table::create().await);
    let old = Arc::new(database.store());
    for number in 0..800 {
        send(&old, number).await;
    }
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(800)));
    let devices = tokio::spawn({
        let (old, stop, sent) = (Arc::clone(&old), Arc::clone(&stop), Arc::clone(&sent));
        async move {
            while !stop.load(Ordering::Relaxed) {
                send(&old, sent.load(Ordering::Relaxed)).await;
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    copy(&database.url, TABLE, &table).await;
    until("devices went on sending", async || sent.load(Ordering::Relaxed) > 820).await;
    stop.store(true, Ordering::Relaxed);
    devices.await.expect("no device failed");
    let sent = sent.load(Ordering::Relaxed);
    let said = copy(&database.url, TABLE, &table).await;
    assert!(said.contains(&format!("the database has {} codes; the table has all of them", sent * 3)), "{said}");

    let new = table.store();
    assert_eq!(send(&new, sent - 1).await, InsertOutcome::AlreadyInserted, "a retry across the move");
    assert_eq!(send(&new, sent).await, InsertOutcome::Inserted);
    let said = copy(&database.url, TABLE, &table).await;
    assert!(said.contains("0 of them new"), "{said}");

    let logs = table.logs().await;
    let found = counts(logs.iter().map(|log| (log.device_id(), log.error_code())));
    assert_eq!((found.len(), found.values().max()), ((sent + 1) * 3, Some(&1)));
    let mut ids: Vec<_> = logs.iter().map(logs_core::Log::error_log_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), logs.len(), "ids are unique");
    let list = new.most_recent(in_time()).await.expect("a list");
    let newest = format!("device-{sent}");
    assert!(list.result.iter().take(3).all(|log| log.device_id() == newest), "{list:?}");
}

#[tokio::test]
async fn a_code_that_was_committed_late_is_copied_by_the_next_run() {
    let (database, table) = (Database::migrated().await, Table::create().await);
    let values = "(error_log_id, device_id, error_number, time_stamp, received_at) VALUES";
    database.run(&format!("INSERT INTO Logs {values} (1, 'a', 1, 1, 1), (3, 'a', 3, 1, 1)")).await;
    copy(&database.url, TABLE, &table).await;
    database.run(&format!("INSERT INTO Logs {values} (2, 'a', 2, 1, 1)")).await;
    copy(&database.url, TABLE, &table).await;
    let mut codes: Vec<_> = table.logs().await.iter().map(logs_core::Log::error_code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [1, 2, 3]);
}

#[tokio::test]
async fn a_table_moves_to_a_database_and_each_code_is_there_once() {
    let (database, table) = (Database::migrated().await, Table::create().await);
    let (old, new) = (table.store(), database.store());
    for number in 0..50 {
        send(&old, number).await;
    }
    copy(TABLE, &database.url, &table).await;
    send(&old, 50).await;
    let said = copy(TABLE, &database.url, &table).await;
    assert!(said.contains("the table has 153 codes; the database has 153 codes that were copied"), "{said}");
    assert_eq!(send(&new, 50).await, InsertOutcome::AlreadyInserted, "a retry across the move");
    assert_eq!(database.count().await, 153);
    let list = new.most_recent(in_time()).await.expect("a list");
    assert_eq!(list.result.len(), 10);
}

/// Without keys, in batches of a thousand.
async fn fill(store: &Store, batches: i32) {
    for batch in 0..batches {
        let records: Vec<_> =
            (0..1_000).map(|code| record("a", i64::from(batch * 1_000 + code), 1_764_000_000)).collect();
        let batch = Batch::parse(json!(records).to_string().as_bytes()).expect("the body is good");
        store.insert(batch.logs(), clock::unix_seconds(), in_time()).await.expect("the store is there");
    }
}

/// Starts a copy, and kills it as soon as something has arrived.
async fn copy_and_kill(from: &str, to: &str, table: &Table, mut arrived: impl AsyncFnMut() -> i64) {
    let mut copy = command(from, to, table).spawn().expect("dev can be started");
    until("something has arrived", async || arrived().await > 0).await;
    copy.kill().await.expect("it is our own child");
}

#[tokio::test]
async fn a_copy_that_is_killed_goes_on_where_it_was_in_either_direction() {
    let (database, table, other) = (Database::migrated().await, Table::create().await, Database::migrated().await);
    fill(&database.store(), 20).await;
    copy_and_kill(&database.url, TABLE, &table, async || table.count().await).await;
    let said = copy(&database.url, TABLE, &table).await;
    assert!(said.contains("the database has 20000 codes; the table has all of them, and 20000 in all"), "{said}");
    copy_and_kill(TABLE, &other.url, &table, async || other.count().await).await;
    let said = copy(TABLE, &other.url, &table).await;
    assert!(said.contains("the table has 20000 codes; the database has 20000 codes that were copied"), "{said}");
    let logs = table.logs().await;
    let codes: std::collections::BTreeSet<_> = logs.iter().map(logs_core::Log::error_code).collect();
    assert_eq!((logs.len(), codes.len(), other.count().await), (20_000, 20_000, 20_000));
}

#[tokio::test]
async fn a_source_by_another_name_is_the_same_source() {
    let (database, table) = (Database::migrated().await, Table::create().await);
    send(&database.store(), 1).await;
    copy(&database.url, TABLE, &table).await;
    let by_another_name = database.url.replace("@127.0.0.1:", "@127.1:");
    assert_ne!(by_another_name, database.url);
    let said = copy(&by_another_name, TABLE, &table).await;
    assert!(said.contains("3 codes read, 0 of them new"), "{said}");
    assert_eq!(table.count().await, 3);
}

#[tokio::test]
async fn what_was_copied_is_not_copied_back_and_what_came_since_is() {
    let (database, table) = (Database::migrated().await, Table::create().await);
    let (mysql, dynamodb) = (database.store(), table.store());
    fill(&mysql, 2).await;
    send(&mysql, 1).await;
    copy(&database.url, TABLE, &table).await;
    send(&dynamodb, 2).await;
    fill(&dynamodb, 2).await;
    let said = copy(TABLE, &database.url, &table).await;
    assert!(said.contains("2003 more codes came from there, and are not copied back"), "{said}");
    assert_eq!(database.count().await, 4_006);
    send(&mysql, 3).await;
    let said = copy(&database.url, TABLE, &table).await;
    assert!(said.contains("the database has 2006 codes; the table has all of them, and 4009 in all"), "{said}");
    assert!(said.contains("2003 more codes came from there"), "{said}");
    // To a third store go all of them.
    let third = Database::migrated().await;
    copy(TABLE, &third.url, &table).await;
    assert_eq!(third.count().await, 4_009);
}

#[tokio::test]
async fn two_tables_or_two_databases_are_refused() {
    let url = "mysql://root@127.0.0.1:1/Error_Logs";
    for (from, to, reason) in [("one", "two", "both --from and --to are tables"), (url, url, "are databases")] {
        let output = Command::new(binaries().join("dev")).args(["copy", "--from", from, "--to", to]).output();
        let output = output.await.expect("dev can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{said}");
    }
}
