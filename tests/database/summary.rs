//! The summary of the codes: each log is counted exactly once, whenever it is committed.

use std::collections::BTreeMap;

use logs_core::mysql::{MySqlStore, NewCode, Summary, SummaryReport};
use logs_core::{Codes, CodesQuery, Deadline};
use serde_json::json;
use sqlx::{Connection, Executor, MySqlConnection};

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

async fn claim(store: &MySqlStore, claimant: u8, now: i64) -> Vec<NewCode> {
    store.claim_new_codes(&[claimant; 16], now, in_time()).await.expect("the database is there")
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
async fn a_log_that_is_committed_after_later_ones_is_counted() {
    let database = Database::migrated().await;
    let mut late = database.connection().await;
    let mut open = late.begin().await.expect("a transaction");
    insert(&mut open, [1, 2, 3], 7).await;
    insert(&mut database.connection().await, [4, 9], 8).await;
    assert_eq!(summarize(&database).await.counted, 2);
    assert_eq!(gaps(&database).await, [(1, 3), (5, 8)]);
    // However long it takes: its rows are there, and not committed.
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
    assert_eq!(claim(&database.mysql_store(), 9, NOW).await.len(), 2, "the two of the first run; a rebuild finds none");
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
async fn a_code_is_new_once() {
    let database = Database::migrated().await;
    let store = database.mysql_store();
    database.insert(&json!([record("first", 7, 0), record("second", 7, 0)]), NOW).await;
    assert_eq!(summarize(&database).await.new_codes, 1);
    database.insert(&json!([record("third", 7, 0)]), NOW + 29 * DAY).await;
    assert_eq!(summarize(&database).await.new_codes, 0);
    let new = NewCode { error_code: 7, device_id: "first".to_owned(), received_at: NOW, logs: 3 };
    assert_eq!(claim(&store, 1, NOW).await, [new]);
    assert_eq!(claim(&store, 2, NOW).await, [], "another run gets nothing");
    store.settle_claim(&[1; 16], true, in_time()).await.expect("the database is there");
    database.insert(&json!([record("fourth", 7, 0)]), NOW + 60 * DAY).await;
    assert_eq!(summarize(&database).await.new_codes, 1, "31 days without it");
    assert_eq!(claim(&store, 1, NOW).await[0].device_id, "fourth");
}

#[tokio::test]
async fn a_code_that_was_not_announced_is_free_again_and_one_of_a_run_that_died_is_given_up() {
    let database = Database::migrated().await;
    let store = database.mysql_store();
    database.insert(&json!([record("a", 7, 0)]), NOW).await;
    summarize(&database).await;
    assert_eq!(claim(&store, 1, NOW).await.len(), 1);
    store.settle_claim(&[1; 16], false, in_time()).await.expect("the database is there");
    assert_eq!(claim(&store, 2, NOW).await.len(), 1);
    assert_eq!(claim(&store, 3, NOW + 900).await, []);
    assert_eq!(claim(&store, 3, NOW + 901).await, []);
    let mut connection = database.connection().await;
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM New_Codes").fetch_one(&mut connection).await.expect("a table");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn codes_that_are_in_the_table_before_the_summary_are_known() {
    let database = Database::migrated().await;
    database.insert(&json!([record("a", 7, 0), record("a", 8, 0)]), NOW).await;
    // As the migration does on a table that is filled.
    database.run("UPDATE Summary_State SET known_to = (SELECT MAX(error_log_id) FROM Logs)").await;
    database.insert(&json!([record("a", 8, 0), record("a", 9, 0)]), NOW).await;
    assert_eq!(summarize(&database).await.new_codes, 1);
    assert_eq!(claim(&database.mysql_store(), 1, NOW).await[0].error_code, 9);
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
    let short = Deadline::within(std::time::Duration::from_secs(4));
    let summary = Summary { now: NOW, new_after_days: 30 };
    let report = database.mysql_store().summarize(summary, short).await.expect("the database is there");
    assert!(!report.complete && report.counted == 0, "{report:?}");
    assert_eq!(summarize(&database).await.counted, 1);
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
