//! The store against a real server.

use logs_core::{Batch, Deadline, Store, StoreError};
use serde_json::json;
use sqlx::{Connection, Executor, Row};
use std::time::Duration;

use crate::harness::{
    AnyStore, Database, in_time, on_every_store, private_server, record, refuse_the_second_insert, until,
};

on_every_store!(
    logs_are_listed_as_they_were_sent,
    the_limits_of_every_field_can_be_stored,
    an_empty_table_lists_nothing,
    the_ten_most_recent_are_listed_and_the_eleventh_is_not,
    logs_of_one_second_are_listed_in_the_order_of_their_ids_the_latest_first,
    a_clock_that_runs_ahead_counts_for_five_minutes_and_no_more,
    batches_of_every_size_are_stored_over_one_connection,
);

const NOW: i64 = 1_764_000_000;

async fn listed(store: &Store) -> Vec<(String, i64)> {
    let most_recent = store.most_recent(in_time()).await.expect("the database is there");
    most_recent.result.into_iter().map(|log| (log.device_id().to_owned(), log.timestamp())).collect()
}

async fn logs_are_listed_as_they_were_sent(store: AnyStore) {
    let longest = "🦀".repeat(255);
    let ids = ["any_device_token", "'; DROP TABLE Logs; --", "a\0b\"\\\n%_`", "ünïcödé ☂ ", &longest];
    let records: Vec<_> =
        ids.iter().zip(0..).map(|(id, second)| record(id, -i64::from(i32::MAX), NOW + second)).collect();
    store.insert(&json!(records), NOW).await;
    let most_recent = store.store().most_recent(in_time()).await.expect("the database is there");
    for (log, (id, second)) in most_recent.result.iter().rev().zip(ids.iter().zip(0..)) {
        assert_eq!((log.device_id(), log.error_code()), (*id, -i32::MAX));
        assert_eq!((log.timestamp(), log.received_at()), (NOW + second, NOW));
    }
    assert_eq!(most_recent.result.len(), ids.len());
}

async fn the_limits_of_every_field_can_be_stored(store: AnyStore) {
    let records = [record("a", i64::from(i32::MIN), 0), record("b", i64::from(i32::MAX), 253_402_300_799)];
    store.insert(&json!(records), NOW).await;
    let most_recent = store.store().most_recent(in_time()).await.expect("the database is there");
    let fields: Vec<_> = most_recent.result.iter().map(|log| (log.error_code(), log.timestamp())).collect();
    assert_eq!(fields, [(i32::MAX, 253_402_300_799), (i32::MIN, 0)]);
}

async fn an_empty_table_lists_nothing(store: AnyStore) {
    assert_eq!(listed(&store.store()).await, []);
}

async fn the_ten_most_recent_are_listed_and_the_eleventh_is_not(store: AnyStore) {
    let records: Vec<_> = (0..11).map(|second| record("d", 1, NOW - second)).collect();
    store.insert(&json!(records), NOW).await;
    let expected: Vec<_> = (0..10).map(|second| ("d".to_owned(), NOW - second)).collect();
    assert_eq!(listed(&store.store()).await, expected);
}

async fn logs_of_one_second_are_listed_in_the_order_of_their_ids_the_latest_first(store: AnyStore) {
    store.insert(&json!([record("first", 1, NOW), record("second", 1, NOW)]), NOW).await;
    store.insert(&json!([record("third", 1, NOW)]), NOW).await;
    let devices: Vec<_> = listed(&store.store()).await.into_iter().map(|(device, _)| device).collect();
    assert_eq!(devices, ["third", "second", "first"]);
}

async fn a_clock_that_runs_ahead_counts_for_five_minutes_and_no_more(store: AnyStore) {
    store.insert(&json!([record("ahead", 1, NOW + 1_000_000), record("at the bound", 1, NOW + 300)]), NOW).await;
    store.insert(&json!([record("later", 1, NOW + 301)]), NOW + 60).await;
    store.insert(&json!([record("in time", 1, NOW + 299)]), NOW).await;
    let expected =
        [("later", NOW + 301), ("at the bound", NOW + 300), ("ahead", NOW + 1_000_000), ("in time", NOW + 299)];
    assert_eq!(listed(&store.store()).await, expected.map(|(device, time)| (device.to_owned(), time)));
}

#[tokio::test]
async fn the_column_ranked_at_follows_the_rule_of_the_domain() {
    let database = Database::migrated().await;
    let around = |time: i64| [time - 1, time, time + 1];
    let times = [0, 300, 1_262_304_000, NOW, NOW + 300, 253_402_300_798];
    for received_at in [0, NOW] {
        let records: Vec<_> =
            times.into_iter().flat_map(around).filter(|time| *time >= 0).map(|time| record("d", 1, time)).collect();
        database.insert(&json!(records), received_at).await;
    }
    let sql = "SELECT time_stamp, received_at, ranked_at FROM Logs";
    let mut connection = database.connection().await;
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut connection).await.expect("there is a table");
    assert!(rows.len() > 20);
    for (timestamp, received_at, ranked_at) in rows {
        assert_eq!(ranked_at, logs_core::ranked_at(timestamp, received_at), "{timestamp} received at {received_at}");
    }
}

#[tokio::test]
async fn a_thousand_logs_are_stored_in_order_by_one_statement() {
    let database = Database::migrated().await;
    let records: Vec<_> = (0..1000).map(|number| record(&format!("d{number}"), number, NOW)).collect();
    database.insert(&json!(records), NOW).await;
    let mut connection = database.connection().await;
    let rows = sqlx::query("SELECT error_number FROM Logs ORDER BY error_log_id").fetch_all(&mut connection).await;
    let numbers: Vec<i64> = rows.expect("there is a table").iter().map(|row| i64::from(row.get::<i32, _>(0))).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
}

async fn batches_of_every_size_are_stored_over_one_connection(any: AnyStore) {
    let store = any.store();
    for size in (1..20).chain([3, 1, 19]) {
        let body = json!((0..size).map(|number| record("d", number, NOW)).collect::<Vec<_>>()).to_string();
        let batch = Batch::parse(body.as_bytes()).expect("the body is good");
        store.insert(batch.logs(), NOW, in_time()).await.expect("the database is there");
    }
    assert_eq!(any.count().await, (1..20).sum::<i64>() + 3 + 1 + 19);
}

#[tokio::test]
async fn the_list_is_read_from_the_index_and_not_by_sorting_the_table() {
    // Alone on its server, because the counters are the server's; asking for them moves them a little, too.
    let (server, database, _folder) = private_server(&[]).await;
    for _ in 0..30 {
        let records: Vec<_> = (0..1000).map(|number| record("d", number, NOW - number)).collect();
        database.insert(&json!(records), NOW).await;
    }
    let rows_read = async || {
        let sql = "SHOW GLOBAL STATUS WHERE Variable_name IN \
             ('Handler_read_rnd_next', 'Handler_read_prev', 'Handler_read_next', 'Sort_rows')";
        let counters = database.connection().await.fetch_all(sql).await.expect("counters can be read");
        assert_eq!(counters.len(), 4);
        counters.iter().map(|row| row.get::<String, _>(1).parse::<u64>().expect("a number")).sum::<u64>()
    };
    let before = rows_read().await;
    assert_eq!(listed(&database.store()).await.len(), 10);
    let read = rows_read().await - before;
    assert!(read < 10_000, "{read} rows read or sorted for a list of ten");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_the_server_killed_is_replaced_within_the_same_request() {
    let database = Database::migrated().await;
    let store = database.store();
    store.most_recent(in_time()).await.expect("the database is there");
    kill_connections(&database).await;
    store.most_recent(in_time()).await.expect("reading is repeated on a new connection");
}

#[tokio::test]
async fn a_blocked_insert_is_refused_in_time_and_stores_nothing_when_the_way_is_free() {
    let database = Database::migrated().await;
    let mut blocker = database.connection().await;
    sqlx::raw_sql("LOCK TABLES Logs WRITE").execute(&mut blocker).await.expect("a table can be locked");
    let batch = Batch::parse(record("d", 1, NOW).to_string().as_bytes()).expect("the body is good");
    let store = database.store();
    let refused = store.insert(batch.logs(), NOW, Deadline::within(Duration::from_secs(4))).await;
    let refused = refused.expect_err("the table is locked");
    sqlx::raw_sql("UNLOCK TABLES").execute(&mut blocker).await.expect("a table can be unlocked");
    assert!(!refused.is_ambiguous(), "{refused}");
    assert_eq!(database.count().await, 0);
    store.insert(batch.logs(), NOW, in_time()).await.expect("the way is free");
    assert_eq!(database.count().await, 1);
}

/// One log, stored.
async fn insert_one(store: &Store) -> Result<(), StoreError> {
    let batch = Batch::parse(record("d", 1, NOW).to_string().as_bytes()).expect("the body is good");
    store.insert(batch.logs(), NOW, in_time()).await
}

#[tokio::test]
async fn a_refusal_that_another_connection_may_not_meet_costs_no_request() {
    let database = Database::migrated().await;
    // Shutdown; read-only server by option, by transaction, by mode; killed (MariaDB, MySQL); idled for too long.
    for error in [1053, 1290, 1792, 1836, 1927, 3169, 4031] {
        refuse_the_second_insert(&database, error).await;
        let store = database.store();
        for _ in 0..2 {
            insert_one(&store).await.unwrap_or_else(|refused| panic!("{error}: {refused}"));
        }
    }
    assert_eq!(database.count().await, 14);
}

#[tokio::test]
async fn a_refusal_that_every_connection_would_meet_is_final() {
    let database = Database::migrated().await;
    refuse_the_second_insert(&database, 1142).await;
    let store = database.store();
    insert_one(&store).await.expect("the first is taken");
    let refused = insert_one(&store).await.expect_err("the second is not");
    assert!(refused.to_string().starts_with("the database refused the statement"), "{refused}");
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn a_connection_from_a_time_when_the_server_was_read_only_is_replaced() {
    let (server, database, _folder) = private_server(&[]).await;
    let mut administrator = database.connection().await;
    // Until MariaDB 11.1 it has another name there.
    let query = sqlx::query_as("SHOW VARIABLES WHERE Variable_name IN ('tx_read_only', 'transaction_read_only')");
    let (variable, _): (String, String) = query.fetch_one(&mut administrator).await.expect("one of them");
    let set = async |administrator: &mut sqlx::MySqlConnection, to: &str| {
        let sql = format!("SET GLOBAL {variable} = {to}");
        sqlx::raw_sql(&sql).execute(administrator).await.expect("it can be set");
    };
    set(&mut administrator, "ON").await;
    let store = database.mysql_store();
    store.warm_up().await.expect("the settings are good");
    set(&mut administrator, "OFF").await;
    insert_one(&store.into()).await.expect("a new connection may write");
    assert_eq!(database.count().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_refused_statement_leaves_the_connection_usable() {
    let database = Database::empty().await;
    let store = database.store();
    let refused = store.most_recent(in_time()).await.expect_err("there is no table");
    assert!(refused.to_string().starts_with("the database refused the statement"), "{refused}");
    logs_core::mysql::migrate(&database.settings()).await.expect("the migrations run");
    assert_eq!(store.most_recent(in_time()).await.expect("now there is one").result, []);
}

/// Ends every connection to the test's own database but the one that asks.
async fn kill_connections(database: &Database) {
    let mut connection = database.connection().await;
    let sql = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    // MySQL refuses while anybody's statement with binary parameters is at work (3854).
    let mut ids = Vec::new();
    until("the list can be read", async || {
        let read = sqlx::query(sql).fetch_all(&mut connection).await;
        read.map(|rows| ids = rows).is_ok()
    })
    .await;
    assert!(!ids.is_empty(), "the store has a connection");
    for row in ids {
        let id = row.try_get::<u64, _>(0).unwrap_or_else(|_| u64::try_from(row.get::<i64, _>(0)).expect("an id"));
        // One that was closed a moment ago may still be in the list, and gone by now.
        let _ = sqlx::raw_sql(&format!("KILL {id}")).execute(&mut connection).await;
    }
    connection.close().await.expect("a connection can be closed");
}
