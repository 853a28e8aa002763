//! Old rows are deleted, and no others.

use logs_core::mysql::{Retention, RetentionReport};
use logs_core::{Batch, Deadline, IdempotencyKey, NewBatch, clock};
use serde_json::json;
use std::time::Duration;
use tokio::process::Command;

use crate::harness::{Database, binaries, in_time, record, until};

const NOW: i64 = 1_764_000_000;

const DAY: i64 = 86_400;

async fn insert_once(database: &Database, key: &str, received_at: i64) {
    let batch = Batch::parse(record("a", 1, 1).to_string().as_bytes()).expect("the body is good");
    let key = IdempotencyKey::parse(key).expect("it is one");
    database
        .store()
        .insert_once(NewBatch::new(&key, &batch, received_at), in_time())
        .await
        .expect("the database is there");
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
async fn old_ledger_rows_are_deleted_and_their_logs_stay() {
    let database = Database::migrated().await;
    for (key, received_at) in [("old", NOW - 1), ("at-the-bound", NOW), ("new", NOW + 1)] {
        insert_once(&database, key, received_at).await;
    }
    let retention = Retention { batches_before: NOW, logs_before: None };
    let report = database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 1, logs: 0, complete: true });
    assert_eq!(keys(&database).await, ["at-the-bound", "new"]);
    assert_eq!(database.count().await, 3);
}

#[tokio::test]
async fn a_key_that_the_ledger_forgot_stores_again() {
    let database = Database::migrated().await;
    insert_once(&database, "key", NOW - 1).await;
    let retention = Retention { batches_before: NOW, logs_before: None };
    database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    insert_once(&database, "key", NOW).await;
    assert_eq!((keys(&database).await.len(), database.count().await), (1, 2));
}

#[tokio::test]
async fn logs_expire_by_the_services_clock_not_the_devices() {
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
    let report = database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 3, complete: true });
    assert_eq!(devices(&database).await, ["new, without a clock", "new, its clock is behind", "new"]);
}

#[tokio::test]
async fn thousands_of_old_rows_are_deleted_in_steps_among_rows_that_stay() {
    let database = Database::migrated().await;
    // Of one second, and the new ones between the old ones.
    for received_at in [NOW - 1, NOW, NOW - 1] {
        database.insert(&json!(vec![record("d", 1, 0); 1000]), received_at).await;
    }
    let retention = Retention { batches_before: 0, logs_before: Some(NOW) };
    let report = database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 2000, complete: true });
    assert_eq!(database.count().await, 1000);
}

/// More than a step of each, so that a table which went first until nothing of it is left would show.
#[tokio::test]
async fn logs_are_deleted_in_turn_while_the_ledger_has_a_backlog() {
    let database = Database::migrated().await;
    database.insert(&json!(vec![record("d", 1, 0); 1000]), NOW - 1).await;
    let digits = "(SELECT 0 AS digit UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 \
         UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    database
        .run(&format!(
            "INSERT INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) \
             SELECT CONCAT(a.digit, b.digit, c.digit, d.digit), REPEAT('f', 32), 1, REPEAT('s', 16), \
             {NOW} - 10000 + CONCAT(a.digit, b.digit, c.digit, d.digit) \
             FROM {digits} a, {digits} b, {digits} c, {digits} d"
        ))
        .await;
    // The third step of the ledger fails, and so the run ends there.
    database
        .run(&format!(
            "CREATE TRIGGER stop BEFORE DELETE ON Batches FOR EACH ROW \
             BEGIN IF OLD.received_at >= {NOW} - 6000 THEN SIGNAL SQLSTATE '45000'; END IF; END"
        ))
        .await;
    let retention = Retention { batches_before: NOW, logs_before: Some(NOW) };
    database.mysql_store().delete_old(retention, in_time()).await.expect_err("the trigger refuses");
    assert_eq!((keys(&database).await.len(), database.count().await), (6_000, 0));

    database.run("DROP TRIGGER stop").await;
    let report = database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 6_000, logs: 0, complete: true });
}

#[tokio::test]
async fn a_run_without_time_leaves_the_rest_to_the_next_run() {
    let database = Database::migrated().await;
    database.insert(&json!(vec![record("d", 1, 0); 1000]), NOW - 1).await;
    let retention = Retention { batches_before: 0, logs_before: Some(NOW) };
    let short = Deadline::within(Duration::from_secs(2));
    let report = database.mysql_store().delete_old(retention, short).await.expect("the database is there");
    assert_eq!(report, RetentionReport { batches: 0, logs: 0, complete: false });
    let report = database.mysql_store().delete_old(retention, in_time()).await.expect("the database is there");
    assert!(report.complete);
    assert_eq!(database.count().await, 0);
}

#[tokio::test]
async fn writers_do_not_wait_for_a_deletion() {
    for (table, retention) in [
        ("Batches", Retention { batches_before: NOW, logs_before: None }),
        ("Logs", Retention { batches_before: 0, logs_before: Some(NOW) }),
    ] {
        let database = Database::migrated().await;
        for key in ["a", "b", "c"] {
            insert_once(&database, key, NOW - 1).await;
        }
        // The deletion stops at its third row, with all the locks that it has taken by then.
        database
            .run(&format!(
                "CREATE TRIGGER hold BEFORE DELETE ON {table} FOR EACH ROW BEGIN SET @rows = COALESCE(@rows, 0) + 1; \
                 IF @rows = 3 THEN DO GET_LOCK(DATABASE(), 60); END IF; END"
            ))
            .await;
        let mut holder = database.connection().await;
        sqlx::raw_sql("DO GET_LOCK(DATABASE(), 0)").execute(&mut holder).await.expect("nobody else has it");
        let store = database.mysql_store();
        let writing = async {
            wait_for_user_lock(&database).await;
            // Each of these is refused by the server, and so fails, if it has to wait until the deadline.
            insert_once(&database, "bb", NOW).await;
            insert_once(&database, "d", NOW - 1).await;
            database.insert(&json!([record("new", 1, 0)]), NOW - 1).await;
            assert!(waits_for_user_lock(&database).await, "the deletion still holds its locks");
            sqlx::raw_sql("DO RELEASE_LOCK(DATABASE())").execute(&mut holder).await.expect("it is ours");
        };
        let (deleted, ()) = tokio::join!(store.delete_old(retention, in_time()), writing);
        deleted.expect("the database is there");
        // New rows stay. It may have deleted some of the old rows that were inserted meanwhile.
        let (keys, logs) = (keys(&database).await, database.count().await);
        assert!(keys.contains(&"bb".to_owned()) && (keys.len() <= 2 || table == "Logs"), "{table}: {keys:?}");
        assert!(if table == "Logs" { (1..=3).contains(&logs) } else { logs == 6 }, "{table}: {logs}");
    }
}

async fn wait_for_user_lock(database: &Database) {
    until("the deletion has come to the trigger", async || waits_for_user_lock(database).await).await;
}

async fn waits_for_user_lock(database: &Database) -> bool {
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state = 'User lock'";
    let mut connection = database.connection().await;
    let mut waiting = 0;
    until("the list can be read", async || {
        // MySQL refuses while anybody's statement with binary parameters is at work (3854).
        let read: Result<i64, _> = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        read.map(|count| waiting = count).is_ok()
    })
    .await;
    waiting > 0
}

#[tokio::test]
async fn the_command_deletes_rows_older_than_its_options_say() {
    let database = Database::migrated().await;
    let now = clock::unix_seconds();
    for (key, age) in [("oldest", 29 * DAY), ("older", 27 * DAY), ("old", 3 * DAY), ("new", 0)] {
        insert_once(&database, key, now - age).await;
    }
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(binaries().join("dev"));
        command.arg("retention").args(arguments).env("DATABASE_URL", &database.url);
        let output = command.output().await.expect("dev can be run");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(run(&[]).await.contains("deleted: 1 rows of the ledger, 0 logs"), "28 days, and logs for ever");
    let said = run(&["--batches", "1", "--logs", "2"]).await;
    assert!(said.contains("deleted: 2 rows of the ledger, 3 logs"), "{said}");
    assert_eq!(keys(&database).await, ["new"]);
    assert_eq!(database.count().await, 1);
}
