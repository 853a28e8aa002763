//! Codes that are new, and who announces them.

use logs_core::mysql::{MySqlStore, NewCode};
use serde_json::json;

use super::{DAY, NOW, summarize};
use crate::harness::{Database, in_time, record};

pub(super) async fn claim(store: &MySqlStore, claimant: u8, now: i64) -> Vec<NewCode> {
    store.claim_new_codes(&[claimant; 16], now, in_time()).await.expect("the database is there")
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
