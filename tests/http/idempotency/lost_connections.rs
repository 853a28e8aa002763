//! The connection to the database breaks or goes silent around a statement.

use serde_json::json;
use sqlx::Row;

use super::{function, keyed, one, send, stored};
use crate::harness::{Cut, Database, proxy_before, until};

#[tokio::test]
async fn a_connection_that_is_lost_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    // A statement's text crosses the wire only when it is prepared. Later runs are recognized by their values.
    let cuts = [
        Cut::Before("COMMIT"),
        Cut::After("COMMIT"),
        Cut::Before("BEGIN"),
        Cut::After("BEGIN"),
        Cut::Before("INSERT INTO Batches"),
        Cut::After("INSERT INTO Batches"),
        Cut::Before("key-6"),
        Cut::After("key-7"),
        Cut::Before("device-8"),
        Cut::After("device-9"),
    ];
    for (number, cut) in cuts.into_iter().enumerate() {
        // Each on a connection of its own, so that it prepares; the last four on one that has.
        let function = if number < 6 { &self::function(&url) } else { &function };
        proxy.cut(cut);
        let (key, body) = (format!("key-{number}"), one(&format!("device-{number}")));
        assert_eq!(send(function, &[&key], &body).await, stored(false), "{cut:?}: {}", function.log());
        assert!(proxy.has_cut(), "{cut:?}");
        assert_eq!(send(function, &[&key], &body).await, stored(true));
        assert_eq!(database.count().await, i64::try_from(number + 2).expect("small"));
    }
}

#[tokio::test]
async fn a_database_that_is_away_for_a_moment_after_the_commit_is_asked_when_it_is_back() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    for (key, cut) in [("after", Cut::After("COMMIT")), ("before", Cut::Before("COMMIT"))] {
        // More than there are within the second that anybody has: 50, 100 and then 200 ms and more apart.
        proxy.cut_then_refuse(cut, 9);
        assert_eq!(send(&function, &[key], &one("a")).await, stored(false), "{}", function.log());
        assert!(proxy.has_cut() && proxy.has_refused_all());
        assert_eq!(send(&function, &[key], &one("a")).await, stored(true));
    }
    assert_eq!(database.count().await, 3);
}

#[tokio::test]
async fn a_batch_without_a_key_is_not_sent_to_the_database_again_after_its_answer_was_lost() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(function.send(&one("warm")).await.status, 200);
    for (number, cut) in [Cut::After("lost-0"), Cut::Before("lost-1")].into_iter().enumerate() {
        // The statement is prepared already: the name goes out when it is carried out, and then only.
        proxy.cut(cut);
        let answer = function.send(&one(&format!("lost-{number}"))).await;
        assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{cut:?}");
        assert!(proxy.has_cut());
        assert_eq!(function.log().matches("\"ambiguous\":true").count(), number + 1, "{}", function.log());
        assert_eq!(database.count().await, i64::try_from(2 + number).expect("small"), "{cut:?}");
        assert_eq!(function.send(&one("warm")).await.status, 200);
    }
}

#[tokio::test]
async fn a_connection_that_goes_silent_around_the_commit_costs_nothing() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    for (key, cut) in [("a", Cut::SilenceAfter("COMMIT")), ("b", Cut::SilenceBefore("BEGIN"))] {
        proxy.cut(cut);
        assert_eq!(send(&function, &[key], &one(key)).await, stored(false), "{cut:?}: {}", function.log());
        assert!(proxy.has_cut());
        assert_eq!(send(&function, &[key], &one(key)).await, stored(true));
    }
    assert_eq!(database.count().await, 2);
}

#[tokio::test]
async fn a_function_that_vanished_in_the_middle_of_a_batch_does_not_keep_its_key() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let idle = function(&database.url);
    assert_eq!(send(&idle, &["idle"], &one("b")).await, stored(false));
    proxy.cut(Cut::SilenceBefore("COMMIT"));
    let answer = function(&url).invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!(answer.status, 503, "nobody knows what became of the commit: {:?}", answer.body);
    // The server still waits for the rest, half a minute.
    let other = function(&database.url);
    assert_eq!(send(&other, &["key"], &one("a")).await.0, 409);
    until("the server has given up", async || send(&other, &["key"], &one("a")).await == stored(false)).await;
    assert_eq!(database.count().await, 2);
    // It closes the connection of who only idled as well, which costs no request.
    let mut connection = database.connection().await;
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    until("only the connection that was used last is left", async || {
        let row = sqlx::raw_sql(sql).fetch_one(&mut connection).await.expect("the server answers");
        row.get::<i64, _>(0) == 1
    })
    .await;
    assert_eq!(send(&idle, &["idle"], &one("b")).await, stored(true));
    assert!(idle.log().contains("the idle connection is dead"), "{}", idle.log());
}

#[tokio::test]
async fn a_retry_finds_out_the_outcome_of_a_commit() {
    let database = Database::migrated().await;
    let (url, proxy) = proxy_before(&database).await;
    let function = function(&url);
    assert_eq!(send(&function, &["warm"], &one("a")).await, stored(false));
    // Nobody can ask the ledger afterwards.
    proxy.cut_then_refuse(Cut::After("COMMIT"), u32::MAX);
    let answer = function.invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (503, &json!("1")), "{:?}", answer.body);
    assert!(function.log().contains("\"ambiguous\":true"), "{}", function.log());
    assert_eq!(send(&self::function(&database.url), &["key"], &one("a")).await, stored(true));
    assert_eq!(database.count().await, 2);
}
