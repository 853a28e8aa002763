//! What is old goes away, and nothing else.

use logs_core::mysql::{Retention, RetentionReport};
use logs_core::{Batch, Deadline, IdempotencyKey};
use serde_json::json;
use std::time::Duration;

use crate::harness::{Database, in_time, record};

const NOW: i64 = 1_764_000_000;

const DAY: i64 = 86_400;

async fn insert_once(database: &Database, key: &str, received_at: i64) {
    let batch = Batch::parse(record("a", 1, 1).to_string().as_bytes()).expect("the body is good");
    let key = IdempotencyKey::parse(key).expect("it is one");
    database.store().insert_once(&key, &batch, received_at, in_time()).await.expect("the database is there");
}

async fn names(database: &Database, sql: &str) -> Vec<String> {
    let mut connection = database.connection().await;
    sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("a list")
}

async fn keys(database: &Database) -> Vec<String> {
    names(database, "SELECT CONVERT(batch_key USING utf8mb4) FROM Batches ORDER BY batch_key").await
}

async fn devices(database: &Database) -> Vec<String> {
    names(database, "SELECT device_id FROM Logs ORDER BY error_log_id").await
}

#[tokio::test]
async fn the_ledger_forgets_what_is_old_and_its_logs_stay() {
    let database = Database::migrated().await;
    for (key, received_at) in [("old", NOW - 1), ("at-the-bound", NOW), ("new", NOW + 1)] {
        insert_once(&database, key, received_at).await;
    }
    let retention = Retention { batches_before: NOW, logs_before: None };
    let report = database.store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 1, logs: 0, complete: true });
    assert_eq!(keys(&database).await, ["at-the-bound", "new"]);
    assert_eq!(database.count().await, 3);
}

#[tokio::test]
async fn a_key_that_the_ledger_forgot_stores_again() {
    let database = Database::migrated().await;
    insert_once(&database, "key", NOW - 1).await;
    let retention = Retention { batches_before: NOW, logs_before: None };
    database.store().delete_old(retention, in_time()).await.expect("the database is there");
    insert_once(&database, "key", NOW).await;
    assert_eq!((keys(&database).await.len(), database.count().await), (1, 2));
}

#[tokio::test]
async fn logs_go_by_the_services_clock_whatever_the_devices_said() {
    let database = Database::migrated().await;
    for (device, timestamp, received_at) in [
        ("old", NOW - DAY, NOW - 1),
        ("old, its clock runs ahead", NOW + DAY, NOW - 1),
        ("old, without a clock", 0, NOW - 1),
        ("new, without a clock", 0, NOW),
        ("new, its clock is behind", NOW - DAY, NOW),
        ("new", NOW, NOW + 1),
    ] {
        database.insert(&json!([record(device, 1, timestamp)]), received_at).await;
    }
    let retention = Retention { batches_before: 0, logs_before: Some(NOW) };
    let report = database.store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 3, complete: true });
    assert_eq!(devices(&database).await, ["new, without a clock", "new, its clock is behind", "new"]);
}

#[tokio::test]
async fn thousands_go_in_steps_past_those_that_stay() {
    let database = Database::migrated().await;
    // Of one second, and the new ones between the old ones.
    for received_at in [NOW - 1, NOW, NOW - 1] {
        database.insert(&json!(vec![record("d", 1, 0); 1000]), received_at).await;
    }
    let retention = Retention { batches_before: 0, logs_before: Some(NOW) };
    let report = database.store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 2000, complete: true });
    assert_eq!(database.count().await, 1000);
}

#[tokio::test]
async fn without_time_the_next_run_goes_on() {
    let database = Database::migrated().await;
    database.insert(&json!(vec![record("d", 1, 0); 1000]), NOW - 1).await;
    let retention = Retention { batches_before: 0, logs_before: Some(NOW) };
    let short = Deadline::within(Duration::from_secs(2));
    let report = database.store().delete_old(retention, short).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 0, complete: false });
    let report = database.store().delete_old(retention, in_time()).await.expect("the database is there");
    assert!(report.complete);
    assert_eq!(database.count().await, 0);
}

#[tokio::test]
async fn who_writes_does_not_wait_for_a_deletion() {
    let database = Database::migrated().await;
    for key in ["a", "b", "c"] {
        insert_once(&database, key, NOW - 1).await;
    }
    // A deletion that has its locks and has not committed.
    let mut deleting = database.connection().await;
    for statement in [
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "BEGIN",
        "DELETE FROM Batches WHERE received_at < 1764000000 ORDER BY received_at LIMIT 500",
        "DELETE FROM Logs WHERE received_at < 1764000000 ORDER BY received_at LIMIT 500",
    ] {
        sqlx::raw_sql(statement).execute(&mut deleting).await.expect("rows can be deleted");
    }
    insert_once(&database, "bb", NOW).await;
    insert_once(&database, "d", NOW - 1).await;
    database.insert(&json!([record("new", 1, 1)]), NOW - 1).await;
    sqlx::raw_sql("COMMIT").execute(&mut deleting).await.expect("a transaction can be ended");
    assert_eq!((keys(&database).await, database.count().await), (vec!["bb".to_owned(), "d".to_owned()], 3));
}
