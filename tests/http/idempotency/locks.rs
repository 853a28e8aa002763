//! Another transaction holds a lock that the function needs.

use serde_json::json;
use sqlx::Executor;

use super::{PostLog, keyed, one, stored};
use crate::harness::{lock_key, until, wait_for_row_lock};

#[tokio::test]
async fn a_request_waits_for_a_key_in_flight_and_responds_with_its_outcome() {
    let (post_log, database) = PostLog::on_mysql().await;
    for (outcome, expected, count) in [("ROLLBACK", stored(true), 1), ("COMMIT", stored(false), 2)] {
        post_log.send("key", &one("a")).await;
        // As retention would remove it.
        let mut other = database.connection().await;
        for statement in ["BEGIN", "DELETE FROM Batches WHERE batch_key = 'key'"] {
            other.execute(statement).await.expect("a row can be deleted");
        }
        let end = async {
            wait_for_row_lock(&database).await;
            other.execute(outcome).await.expect("a transaction can be ended");
        };
        let body = one("a");
        let (answer, ()) = tokio::join!(post_log.send("key", &body), end);
        assert_eq!(answer, expected, "{outcome}: {}", post_log.function.log());
        assert_eq!(post_log.count().await, count);
    }
}

#[tokio::test]
async fn a_key_that_stays_in_flight_costs_409_in_time_and_nothing_is_stored() {
    let (post_log, database) = PostLog::on_mysql().await;
    let mut other = lock_key(&database, "key").await;
    let answer = post_log.function.invoke(&keyed(&["key"], &one("a"))).await.expect("it answers");
    assert_eq!((answer.status, &answer.headers["retry-after"]), (409, &json!("1")), "{}", post_log.function.log());
    assert_eq!(post_log.send("other", &one("a")).await, stored(false), "another key has nothing to wait for");
    other.execute("ROLLBACK").await.expect("a transaction can be ended");
    assert_eq!(post_log.send("key", &one("a")).await, stored(false));
    assert_eq!(post_log.count().await, 2);
}

#[tokio::test]
async fn a_lock_that_is_free_after_a_second_costs_nothing() {
    let (post_log, database) = PostLog::on_mysql().await;
    let mut other = lock_key(&database, "key").await;
    let free = async {
        until("the function tries again", async || post_log.function.log().contains("trying again")).await;
        other.execute("ROLLBACK").await.expect("a transaction can be ended");
    };
    let body = one("a");
    let (answer, ()) = tokio::join!(post_log.send("key", &body), free);
    assert_eq!(answer, stored(false), "{}", post_log.function.log());
    assert!(post_log.function.log().contains("1205"), "{}", post_log.function.log());
    assert_eq!(post_log.count().await, 1);
}

#[tokio::test]
async fn a_deadlock_costs_nothing() {
    let (post_log, database) = PostLog::on_mysql().await;
    database.run("CREATE TABLE Ballast (id INT PRIMARY KEY AUTO_INCREMENT, text CHAR(9))").await;
    let rows = vec!["('x')"; 1_000].join(",");
    post_log.send("first", &one("a")).await;
    let mut batches = 1;
    // On a slow machine there may be a lock wait instead, which costs nothing either. Then it tries again.
    until("there is a deadlock", async || {
        batches += 1;
        let key = format!("key-{batches}");
        let mut other = database.connection().await;
        // The one with less to undo has to give way: not this one.
        for statement in
            ["BEGIN", &*format!("INSERT INTO Ballast (text) VALUES {rows}"), "SELECT error_log_id FROM Logs FOR UPDATE"]
        {
            other.execute(statement).await.expect("rows can be locked");
        }
        let cross = async {
            wait_for_row_lock(&database).await;
            // The function has the row of its key, and waits for the end of Logs.
            let sql = format!("SELECT accepted FROM Batches WHERE batch_key = '{key}' FOR UPDATE");
            let _ = other.execute(&*sql).await;
            other.execute("ROLLBACK").await.expect("a transaction can be ended");
        };
        let body = one("a");
        let (answer, ()) = tokio::join!(post_log.send(&key, &body), cross);
        assert_eq!(answer, stored(false), "{}", post_log.function.log());
        post_log.function.log().contains("1213")
    })
    .await;
    assert_eq!(post_log.count().await, batches);
}
