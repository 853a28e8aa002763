//! The summary of the codes: each log is counted exactly once, whenever it is committed.

mod late;
mod new_codes;

use std::collections::BTreeMap;

use logs_core::mysql::{Summary, SummaryReport};
use logs_core::{Codes, CodesQuery};
use serde_json::json;

use crate::harness::{Database, in_time, record};

/// An hour begins with it.
const NOW: i64 = 1_764_000_000;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

async fn summarize_at(database: &Database, now: i64) -> SummaryReport {
    let summary = Summary { now, new_after_days: 30 };
    database.mysql_store().summarize(summary, in_time()).await.expect("the database is there")
}

async fn summarize(database: &Database) -> SummaryReport {
    let report = summarize_at(database, NOW).await;
    assert!(report.complete && report.backlog == 0 && report.lag_seconds == 0, "{report:?}");
    report
}

async fn codes(database: &Database, hours: &str) -> Codes {
    let query = CodesQuery::parse([("hours", hours)]).expect("a number of hours");
    database.store().codes(query, NOW, in_time()).await.expect("there is a summary")
}

/// How many logs of each code, as GET /codes says.
async fn counts(database: &Database) -> BTreeMap<i32, u64> {
    codes(database, "168").await.result.iter().map(|code| (code.error_code, code.count)).collect()
}

/// How many logs of each code were counted ever.
async fn totals(database: &Database) -> BTreeMap<i32, u64> {
    let mut connection = database.connection().await;
    let rows: Vec<(i32, u64)> =
        sqlx::query_as("SELECT error_code, logs FROM Codes").fetch_all(&mut connection).await.expect("a table");
    rows.into_iter().collect()
}

#[tokio::test]
async fn logs_are_counted_by_code_and_hour_with_their_devices() {
    let database = Database::migrated().await;
    assert_eq!(codes(&database, "24").await, Codes { result: vec![], bucket_seconds: 3600, as_of: None });
    database.insert(&json!([record("a", 107, 0), record("b", 107, 0), record("a", 8, 0)]), NOW - 2 * HOUR).await;
    database.insert(&json!([record("a", 107, 0)]), NOW).await;
    assert_eq!(summarize(&database).await.counted, 4);
    let codes = codes(&database, "3").await;
    let expected = json!({"result": [
        {"error_code": 107, "count": 3, "devices": 2, "first_seen": NOW - 2 * HOUR, "last_seen": NOW, "new": true,
         "buckets": [2, 0, 1]},
        {"error_code": 8, "count": 1, "devices": 1, "first_seen": NOW - 2 * HOUR, "last_seen": NOW - 2 * HOUR,
         "new": true, "buckets": [1, 0, 0]},
    ], "bucket_seconds": 3600, "as_of": NOW});
    assert_eq!(serde_json::to_value(codes).expect("JSON"), expected);
}

#[tokio::test]
async fn the_window_ends_with_the_current_hour_and_the_list_with_a_hundred_codes() {
    let database = Database::migrated().await;
    let records: Vec<_> = (1..=150).map(|code| record("a", code, 0)).collect();
    database.insert(&json!(records), NOW).await;
    database.insert(&json!([record("a", 150, 0)]), NOW).await;
    database.insert(&json!([record("a", 999, 0)]), NOW - 1).await;
    summarize(&database).await;
    let of_an_hour = codes(&database, "1").await.result;
    assert_eq!((of_an_hour.len(), of_an_hour[0].error_code, of_an_hour[0].count), (100, 150, 2));
    assert_eq!(of_an_hour[1].error_code, 1, "the same count: by number");
    assert!(of_an_hour.iter().all(|code| code.error_code != 999 && code.buckets.len() == 1));
}

#[tokio::test]
async fn a_second_run_counts_nothing_twice_and_goes_on_from_there() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0)]), NOW).await;
    assert_eq!(summarize(&database).await.counted, 1);
    assert_eq!(summarize(&database).await.counted, 0);
    database.insert(&json!([record("b", 1, 0), record("a", 1, 0)]), NOW).await;
    assert_eq!(summarize(&database).await.counted, 2);
    let code = codes(&database, "1").await.result[0].clone();
    assert_eq!((code.count, code.devices), (3, 2));
}

#[tokio::test]
async fn a_log_that_came_late_through_the_queue_counts_in_the_hour_in_which_it_was_received() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0)]), NOW).await;
    summarize(&database).await;
    database.insert(&json!([record("a", 1, 0)]), NOW - 5 * HOUR).await;
    summarize(&database).await;
    let codes = codes(&database, "6").await;
    assert_eq!((codes.result[0].buckets.clone(), codes.as_of), (vec![1, 0, 0, 0, 0, 1], Some(NOW)));
    assert_eq!(codes.result[0].first_seen, NOW - 5 * HOUR);
}

#[tokio::test]
async fn a_log_of_the_future_is_in_the_current_hour_and_one_of_long_ago_only_in_the_total() {
    let database = Database::migrated().await;
    for received_at in [NOW + 1_000 * HOUR, NOW - 1_000 * HOUR, 0, -5] {
        database.insert(&json!([record("a", 1, 0)]), received_at).await;
    }
    assert_eq!(summarize(&database).await.counted, 4);
    let codes = codes(&database, "2").await;
    assert_eq!((codes.result[0].count, codes.result[0].buckets.clone()), (1, vec![0, 1]));
    assert_eq!(totals(&database).await, BTreeMap::from([(1, 4)]));
}

#[tokio::test]
async fn what_retention_deletes_stays_counted_and_is_gone_after_a_rebuild() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0), record("b", 2, 0)]), NOW - DAY).await;
    summarize(&database).await;
    database.run("DELETE FROM Logs WHERE error_number = 1").await;
    database.insert(&json!([record("c", 2, 0)]), NOW).await;
    summarize(&database).await;
    assert_eq!(counts(&database).await, BTreeMap::from([(1, 1), (2, 2)]));

    database.mysql_store().start_rebuild(in_time()).await.expect("the database is there");
    assert_eq!(summarize(&database).await.counted, 2);
    assert_eq!(counts(&database).await, BTreeMap::from([(2, 2)]));
    assert_eq!(totals(&database).await, BTreeMap::from([(1, 0), (2, 2)]));
    assert_eq!(
        new_codes::claim(&database.mysql_store(), 9, NOW).await.len(),
        2,
        "the two of the first run; a rebuild finds none"
    );
}

#[tokio::test]
async fn hours_that_nobody_can_ask_for_are_deleted() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0)]), NOW - 167 * HOUR).await;
    summarize(&database).await;
    assert_eq!(counts(&database).await, BTreeMap::from([(1, 1)]));
    summarize_at(&database, NOW + 2 * HOUR).await;
    let mut connection = database.connection().await;
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM Code_Hours").fetch_one(&mut connection).await.expect("a table");
    assert_eq!((left, totals(&database).await), (0, BTreeMap::from([(1, 1)])));
}

/// `day` and `week` of each code, and what the hours add up to.
async fn windows(database: &Database, now: i64) -> Vec<[i64; 4]> {
    let since = |hours: i64| now / HOUR + 1 - hours;
    let sum = |hours: i64| {
        format!(
            "SELECT COALESCE(SUM(logs), 0) FROM Code_Hours h WHERE h.error_code = c.error_code AND hour >= {}",
            since(hours)
        )
    };
    let (day, week) = (sum(24), sum(168));
    let sql = format!("SELECT day, week, CAST(({day}) AS SIGNED), CAST(({week}) AS SIGNED) FROM Codes c");
    let mut connection = database.connection().await;
    let rows: Vec<(i64, i64, i64, i64)> = sqlx::query_as(&sql).fetch_all(&mut connection).await.expect("a table");
    rows.into_iter().map(|(day, week, of_day, of_week)| [day, week, of_day, of_week]).collect()
}

#[tokio::test]
async fn the_ranking_of_a_day_and_of_a_week_moves_on_with_the_time() {
    let database = Database::migrated().await;
    for (hours, code) in [(0, 1), (1, 2), (22, 1), (23, 2), (24, 1), (100, 2), (166, 1), (167, 2), (168, 1), (-2, 2)] {
        let records = json!([record("a", code, 0), record("b", code, 0)]);
        database.insert(&records, NOW - hours * HOUR).await;
    }
    for hours in [0, 1, 1, 2, 30, 150, 400] {
        let now = NOW + hours * HOUR;
        summarize_at(&database, now).await;
        for [day, week, of_day, of_week] in windows(&database, now).await {
            assert_eq!((day, week), (of_day, of_week), "after {hours} hours");
        }
        database.insert(&json!([record("a", 1, 0)]), now).await;
    }
    let listed = |codes: Codes| codes.result.iter().map(|code| code.error_code).collect::<Vec<_>>();
    assert_eq!(listed(codes(&database, "24").await), Vec::<i32>::new(), "by the clock of the first run, all is gone");
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_forgets_nothing() {
    let database = Database::migrated().await;
    let now = logs_core::clock::unix_seconds();
    database.insert(&json!([record("a", 1, 0)]), now).await;
    summarize_at(&database, now + 3650 * DAY).await;
    summarize_at(&database, now).await;
    assert!(windows(&database, now).await.iter().all(|window| *window == [1, 1, 1, 1]));
    let query = CodesQuery::parse([("hours", "24")]).expect("a number of hours");
    let codes = database.store().codes(query, now, in_time()).await.expect("there is a summary");
    assert_eq!(codes.result[0].count, 1);
}

#[tokio::test]
async fn a_sketch_that_cannot_be_read_is_an_error_and_loses_nothing() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 1, 0)]), NOW).await;
    summarize(&database).await;
    database.run("UPDATE Code_Hours SET devices = 'x'").await;
    database.insert(&json!([record("b", 1, 0)]), NOW).await;
    let summary = Summary { now: NOW, new_after_days: 30 };
    let error = database.mysql_store().summarize(summary, in_time()).await.expect_err("the sketch is broken");
    assert!(error.to_string().contains("sketch"), "{error}");
    database.mysql_store().start_rebuild(in_time()).await.expect("the database is there");
    assert_eq!(summarize(&database).await.counted, 2);
    assert_eq!(codes(&database, "1").await.result[0].devices, 2);
}
