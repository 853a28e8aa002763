//! Shards: their number rises while old functions run, ids are unique, duplicates at once are one batch.

use std::collections::HashSet;

use logs_core::{Batch, IdempotencyKey, InsertOutcome, NewBatch, Store};
use serde_json::json;
use tokio::task::JoinSet;

use crate::harness::{AnyStore, Table, in_time, on_every_store, record};

const NOW: i64 = 1_764_000_000;

on_every_store!(fifty_stores_at_once_with_one_key_store_one_batch);

async fn insert(store: &Store, device: &str, timestamp: i64) {
    let batch = Batch::parse(record(device, 1, timestamp).to_string().as_bytes()).expect("the body is good");
    store.insert(batch.logs(), NOW, in_time()).await.expect("the store is there");
}

#[tokio::test]
async fn a_reader_with_fewer_shards_finds_the_logs_of_a_writer_with_more() {
    let table = Table::create().await;
    let old: Store = table.dynamo_store(&[("TABLE_SHARDS", "2")]).into();
    let new: Store = table.dynamo_store(&[("TABLE_SHARDS", "64")]).into();
    insert(&old, "old", NOW).await;
    assert_eq!(old.most_recent(in_time()).await.expect("the table is there").result.len(), 1);
    for number in 0..10 {
        insert(&new, &format!("new-{number}"), NOW + 1 + number).await;
        insert(&old, &format!("old-{number}"), NOW - 1 - number).await;
        let listed = old.most_recent(in_time()).await.expect("the table is there").result;
        assert_eq!(listed[0].device_id(), format!("new-{number}"), "{listed:?}");
    }
    // A writer that knows fewer does not take any away from a reader.
    let third: Store = table.dynamo_store(&[("TABLE_SHARDS", "1")]).into();
    insert(&third, "third", NOW + 99).await;
    let listed = third.most_recent(in_time()).await.expect("the table is there").result;
    let devices: Vec<_> = listed.iter().map(logs_core::Log::device_id).collect();
    assert_eq!((devices[0], devices[1], devices.len()), ("third", "new-9", 10), "{devices:?}");
}

#[tokio::test]
async fn ids_are_unique_over_environments_and_the_list_is_exact_however_logs_are_spread() {
    let table = Table::create().await;
    let mut writers = JoinSet::new();
    for writer in 0_i64..8 {
        let store: Store = table.store();
        writers.spawn(async move {
            for round in 0_i64..12 {
                let size = [1, 3, 10, 11, 40][usize::try_from((writer + round) % 5).expect("small")];
                let records: Vec<_> = (0..size)
                    .map(|n| record("d", 1, NOW - (writer * 7_919 + round * 104_729 + n * 31) % 5_000))
                    .collect();
                let batch = Batch::parse(json!(records).to_string().as_bytes()).expect("the body is good");
                store.insert(batch.logs(), NOW, in_time()).await.expect("the table is there");
            }
        });
    }
    writers.join_all().await;
    let mut all = table.logs().await;
    let ids: HashSet<u64> = all.iter().map(logs_core::Log::error_log_id).collect();
    assert_eq!(ids.len(), all.len());
    assert!(ids.iter().all(|id| (1..1 << 53).contains(id)));
    all.sort_by_key(|log| {
        std::cmp::Reverse((logs_core::ranked_at(log.timestamp(), log.received_at()), log.error_log_id()))
    });
    all.truncate(10);
    assert_eq!(table.store().most_recent(in_time()).await.expect("the table is there").result, all);
}

async fn fifty_stores_at_once_with_one_key_store_one_batch(any: AnyStore) {
    let records: Vec<_> = (0..15).map(|number| record("a", number, 1)).collect();
    let body = json!(records).to_string();
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let (store, body) = (any.store(), body.clone());
        requests.spawn(async move {
            let key = IdempotencyKey::parse("one").expect("it is a key");
            let batch = Batch::parse(body.as_bytes()).expect("the body is good");
            store.insert_once(NewBatch::new(&key, &batch, NOW), in_time()).await.expect("the store is there")
        });
    }
    let outcomes = requests.join_all().await;
    let count = |expected| outcomes.iter().filter(|outcome| **outcome == expected).count();
    assert_eq!((count(InsertOutcome::Inserted), count(InsertOutcome::AlreadyInserted)), (1, 49), "{outcomes:?}");
    assert_eq!(any.count().await, 15);
}
