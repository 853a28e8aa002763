//! A message that cannot be stored stays in the queue and harms no other message.

use super::{NONE, failures, message, store_logs};
use crate::harness::{AnyStore, Database, on_every_store};

on_every_store!(of_ten_thousand_messages_with_one_in_a_hundred_poison_just_the_poison_is_named);

async fn of_ten_thousand_messages_with_one_in_a_hundred_poison_just_the_poison_is_named(store: AnyStore) {
    let function = store.function("store-logs");
    let poison = [
        "",
        "no JSON",
        "{}",
        r#"{"version":3,"key":"k","received_at":1,"logs":[["a",1,1]]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[["",1,1]]}"#,
        r#"{"version":1,"key":"a b","received_at":1,"logs":[["a",1,1]]}"#,
        r#"{"version":1,"key":"k","received_at":1,"logs":[["a","1",1]]}"#,
    ];
    let is_poison = |place: usize| place % 100 == 37;
    let bodies: Vec<_> = (0..10_000)
        .map(|place| match place {
            place if is_poison(place) => poison[place / 100 % poison.len()].to_owned(),
            place => message(&format!("key-{place}"), &["a"]),
        })
        .collect();
    let expected: Vec<_> = (0..10_000).filter(|place| is_poison(*place)).collect();
    assert_eq!(failures(&function, &bodies).await, expected);
    assert_eq!(store.count().await, 9_900);
    let log = function.log();
    assert!(log.contains("has version 3, and this release reads versions 1 and 2"), "{log}");
    assert!(log.matches("a message cannot be stored").count() <= 20, "a line for each would fill the log");
    let last = log.lines().find(|line| line.contains("\"failed\":100,")).expect("a line says how many failed");
    assert!(last.contains("not all is stored") && last.contains("\"level\":\"WARN\""), "{last}");
}

#[tokio::test]
async fn a_message_that_the_database_refuses_harms_no_other() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD CONSTRAINT no_b CHECK (device_id <> 'b')").await;
    let function = store_logs(&database.url);
    let device = |place| if [3, 500, 501, 1_234].contains(&place) { "b" } else { "a" };
    let bodies: Vec<_> = (0..2_000).map(|place| message(&format!("key-{place}"), &["a", device(place)])).collect();
    assert_eq!(failures(&function, &bodies).await, [3, 500, 501, 1_234]);
    assert_eq!(database.count().await, 2 * 1_996);
    assert_eq!(failures(&function, &[&bodies[3..4], &bodies[3..4]].concat()).await, [0, 1]);
    assert_eq!(function.log().matches("a message cannot be stored").count(), 4 + 2, "the one that came twice, twice");
    database.run("ALTER TABLE Logs DROP CONSTRAINT no_b").await;
    assert_eq!(failures(&function, &bodies).await, NONE, "a refused message left nothing in the ledger");
    assert_eq!(database.count().await, 4_000);
}

#[tokio::test]
async fn many_messages_that_the_database_refuses_harm_no_other_wherever_they_are() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD CONSTRAINT no_b CHECK (device_id <> 'b')").await;
    let function = store_logs(&database.url);
    let device = |place| if place < 40 || place % 2 == 0 { "b" } else { "a" };
    let bodies: Vec<_> = (0..400).map(|place| message(&format!("key-{place:03}"), &[device(place)])).collect();
    let expected: Vec<_> = (0..400).filter(|place| device(*place) == "b").collect();
    assert_eq!(failures(&function, &bodies).await, expected);
    assert_eq!(database.count().await, 400 - i64::try_from(expected.len()).expect("a few"));
}

#[tokio::test]
async fn a_server_that_becomes_read_only_ends_the_work_at_once() {
    let database = Database::migrated().await;
    let trigger = "CREATE TRIGGER failover BEFORE INSERT ON Logs FOR EACH ROW BEGIN IF NEW.device_id = 'b' THEN \
                   SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'read-only'; END IF; END";
    database.run(trigger).await;
    let function = store_logs(&database.url);
    let device = |place| if place == 1_500 { "b" } else { "a" };
    let bodies: Vec<_> = (0..3_000).map(|place| message(&format!("key-{place:04}"), &[device(place)])).collect();
    let failed = failures(&function, &bodies).await;
    assert_eq!(failed, (1_000..3_000).collect::<Vec<_>>(), "what was stored before stays stored");
    assert_eq!(database.count().await, 1_000);
    let log = function.log();
    assert!(log.contains("read-only") && log.lines().count() < 20, "{log}");
}

#[tokio::test]
async fn a_row_that_breaks_an_index_of_the_operators_own_is_refused_and_named() {
    let database = Database::migrated().await;
    database.run("ALTER TABLE Logs ADD UNIQUE INDEX once (device_id)").await;
    let function = store_logs(&database.url);
    let device = |place: usize| format!("device-{}", if place == 7 { 3 } else { place });
    let bodies: Vec<_> = (0..20).map(|place| message(&format!("key-{place:02}"), &[&device(place)])).collect();
    let failed = failures(&function, &bodies).await;
    assert!(failed == [3] || failed == [7], "one of the two: {failed:?}");
    assert!(function.log().contains("1062"), "{}", function.log());
    assert_eq!(database.count().await, 19);
}

#[tokio::test]
async fn a_database_that_refuses_everything_keeps_all_messages_in_the_queue() {
    let database = Database::empty().await;
    let function = store_logs(&database.url);
    let bodies: Vec<_> = (0..5_000).map(|place| message(&format!("key-{place}"), &["a"])).collect();
    let all: Vec<_> = (0..5_000).collect();
    assert_eq!(failures(&function, &bodies).await, all, "there are no tables");
    assert!(function.log().matches("\"level\":\"ERROR\"").count() <= 21, "{}", function.log());
}

#[tokio::test]
async fn a_database_that_is_away_keeps_all_messages_in_the_queue() {
    let function = store_logs("mysql://nobody:x@127.0.0.1:1/Error_Logs");
    let bodies = [message("k", &["a"]), "poison".to_owned(), message("l", &["a"])];
    assert_eq!(failures(&function, &bodies).await, [0, 1, 2]);
}
