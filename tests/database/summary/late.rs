//! Transactions that commit late, runs that overlap, run out of time, or are killed.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use logs_core::mysql::Summary;
use logs_core::{CodesQuery, Deadline};
use serde_json::json;
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::process::Command;
use tokio::time::timeout;

use super::{DAY, HOUR, NOW, summarize, summarize_at, totals};
use crate::harness::{Database, binaries, in_time, record};

async fn gaps(database: &Database) -> Vec<(u64, u64)> {
    let mut connection = database.connection().await;
    let sql = "SELECT first_id, last_id FROM Summary_Gaps ORDER BY first_id";
    sqlx::query_as(sql).fetch_all(&mut connection).await.expect("a table")
}

async fn insert(connection: &mut MySqlConnection, ids: impl IntoIterator<Item = u64>, code: i32) {
    let rows: Vec<_> = ids.into_iter().map(|id| format!("({id}, 'd{id}', {code}, 1, {NOW})")).collect();
    let columns = "error_log_id, device_id, error_number, time_stamp, received_at";
    let sql = format!("INSERT INTO Logs ({columns}) VALUES {}", rows.join(", "));
    connection.execute(&*sql).await.expect("rows can be inserted");
}

#[tokio::test]
async fn a_log_that_is_committed_after_later_ones_is_counted() {
    let database = Database::migrated().await;
    let mut late = database.connection().await;
    let mut open = late.begin().await.expect("a transaction");
    insert(&mut open, [1, 2, 3], 7).await;
    insert(&mut database.connection().await, [4, 9], 8).await;
    assert_eq!(summarize(&database).await.counted, 2);
    assert_eq!(gaps(&database).await, [(1, 3), (5, 8)]);
    // Its rows are inserted but not committed, however long that takes.
    let waiting = summarize_at(&database, NOW + 100 * DAY).await;
    assert_eq!((waiting.counted, waiting.complete), (0, true));
    open.commit().await.expect("it is open");
    let report = summarize_at(&database, NOW + 100 * DAY).await;
    assert_eq!((report.counted, report.late), (3, 3));
    assert_eq!(totals(&database).await, BTreeMap::from([(7, 3), (8, 2)]));
    assert_eq!(gaps(&database).await, [], "nobody writes into what is left");
    assert_eq!(summarize_at(&database, NOW + 100 * DAY).await.counted, 0);
}

#[tokio::test]
async fn an_environment_that_keeps_its_answers_shows_each_log_once_it_is_counted() {
    let database = Database::migrated().await;
    let (store, query) = (database.store(), CodesQuery::default());
    let count = async || {
        let codes = store.codes(query, NOW, in_time()).await.expect("there is a summary");
        codes.result.first().map_or(0, |code| code.count)
    };
    let mut connection = database.connection().await;
    assert_eq!(count().await, 0);
    insert(&mut connection, [10], 1).await;
    assert_eq!(count().await, 0);
    summarize(&database).await;
    assert_eq!([count().await, count().await], [1, 1]);
    insert(&mut connection, [4, 5], 1).await;
    assert_eq!(summarize(&database).await.late, 2);
    assert_eq!(count().await, 3, "they are in a gap");
    insert(&mut connection, [11], 1).await;
    summarize(&database).await;
    assert_eq!(count().await, 4);
    let later = store.codes(query, NOW + DAY, in_time()).await.expect("there is a summary");
    assert_eq!(later.result, [], "a day later it is another window");
}

#[tokio::test]
async fn a_run_waits_for_a_long_step_of_another_one() {
    let database = Database::migrated().await;
    insert(&mut database.connection().await, [1], 1).await;
    let mut other = database.connection().await;
    let mut step = other.begin().await.expect("a transaction");
    step.execute("SELECT * FROM Summary_State WHERE id = 1 FOR UPDATE").await.expect("a row");
    let mut waits = pin!(summarize(&database));
    // Other statements give up after a second, and would lose their place in line.
    tokio::select! {
        report = &mut waits => panic!("the other step has not ended: {report:?}"),
        () = until_one_waits_for(&database, 2) => {}
    }
    step.commit().await.expect("it is open");
    assert_eq!(waits.await.counted, 1);
}

/// Returns when one statement in this database has waited for the state for so many seconds.
async fn until_one_waits_for(database: &Database, seconds: i64) {
    let mut connection = database.connection().await;
    let sql = "SELECT COUNT(*) FROM information_schema.processlist \
               WHERE db = DATABASE() AND info LIKE 'SELECT counted_to%FOR UPDATE' AND time >= ?";
    let wait = async {
        while sqlx::query_scalar::<_, i64>(sql).bind(seconds).fetch_one(&mut connection).await.expect("a table") == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("it waits in line");
}

#[tokio::test]
async fn a_gap_that_is_filled_in_part_stays_a_gap() {
    let database = Database::migrated().await;
    let mut connection = database.connection().await;
    insert(&mut connection, [10], 1).await;
    summarize(&database).await;
    assert_eq!(gaps(&database).await, [(1, 9)]);
    insert(&mut connection, [4, 5], 1).await;
    assert_eq!(summarize(&database).await.late, 2);
    assert_eq!(gaps(&database).await, [(1, 3), (6, 9)]);
    insert(&mut connection, [1, 2, 3, 6, 9], 1).await;
    assert_eq!(summarize(&database).await.late, 5);
    assert_eq!(gaps(&database).await, [(7, 8)]);
    assert_eq!(totals(&database).await, BTreeMap::from([(1, 8)]));
}

#[tokio::test]
async fn a_gap_is_given_up_after_an_hour() {
    let database = Database::migrated().await;
    insert(&mut database.connection().await, [5], 1).await;
    summarize(&database).await;
    summarize_at(&database, NOW + HOUR - 1).await;
    assert_eq!(gaps(&database).await, [(1, 4)]);
    summarize_at(&database, NOW + HOUR).await;
    assert_eq!(gaps(&database).await, []);
}

#[tokio::test]
async fn thousands_of_gaps_are_looked_up() {
    let database = Database::migrated().await;
    let mut connection = database.connection().await;
    for first in [0_u64, 4_000, 8_000] {
        insert(&mut connection, (first..first + 4_000).filter(|id| id % 2 == 0 && *id > 0), 1).await;
    }
    assert_eq!(summarize(&database).await.counted, 5_999);
    assert_eq!(gaps(&database).await.len(), 5_999);
    insert(&mut connection, (0..12_000).filter(|id| id % 4 == 1), 1).await;
    let report = summarize(&database).await;
    assert_eq!((report.counted, report.late), (3_000, 3_000));
    summarize_at(&database, NOW + HOUR).await;
    assert_eq!(gaps(&database).await, []);
    assert_eq!(totals(&database).await, BTreeMap::from([(1, 8_999)]));
}

#[tokio::test]
async fn two_runs_at_once_count_each_log_once() {
    let database = Database::migrated().await;
    let records = json!(vec![record("a", 1, 0); 1000]);
    for _ in 0..5 {
        database.insert(&records, NOW).await;
    }
    let run = async || {
        let summary = Summary { now: NOW, new_after_days: 30 };
        database.mysql_store().summarize(summary, in_time()).await.expect("they take turns").counted
    };
    let (one, other, third) = tokio::join!(run(), run(), run());
    assert_eq!(one + other + third, 5_000);
    assert_eq!(totals(&database).await, BTreeMap::from([(1, 5_000)]));
}

#[tokio::test]
async fn a_run_without_time_says_how_far_behind_it_is_and_the_next_one_catches_up() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0)]), NOW).await;
    let short = Deadline::within(Duration::from_secs(4));
    let summary = Summary { now: NOW, new_after_days: 30 };
    let report = database.mysql_store().summarize(summary, short).await.expect("the database is there");
    assert!(!report.complete && report.counted == 0, "{report:?}");
    assert_eq!(report.backlog, 1, "{report:?}");
    assert_eq!(summarize(&database).await.counted, 1);
}

/// Whenever it is killed: a step is committed whole or not at all.
#[tokio::test]
async fn a_run_that_is_killed_at_any_moment_is_simply_run_again() {
    let database = Database::migrated().await;
    let run = || {
        let mut command = Command::new(binaries().join("dev"));
        command.arg("summarize").env("DATABASE_URL", &database.url).kill_on_drop(true);
        command
    };
    let mut stored = BTreeMap::new();
    for round in 0..20 {
        let code = round % 3;
        database.insert(&json!(vec![record(&format!("d{round}"), code, 0); 1000]), NOW).await;
        *stored.entry(i32::try_from(code).expect("small")).or_default() += 1_000;
        let mut process = run().spawn().expect("dev can be run");
        // From before it connects to after its commit.
        tokio::time::sleep(Duration::from_millis(u64::try_from(round).expect("small") * 6)).await;
        process.kill().await.expect("it is ours");
    }
    let output = run().output().await.expect("dev can be run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.ends_with("the summary is complete\n"), "{said}");
    assert_eq!(totals(&database).await, stored);
}
