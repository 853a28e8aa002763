//! `./dev up` updates the summary, as the schedule on AWS does.

use nix::sys::signal::Signal;
use sqlx::Executor;

use crate::harness::{Product, private_server, record, until, wait_for_row_lock};

#[tokio::test]
async fn a_count_that_is_open_at_the_stop_is_finished() {
    let (server, database, _folder) = private_server(&[]).await;
    let product = Product::start(&database).await;
    let mut holder = database.connection().await;
    holder.execute("BEGIN").await.expect("a transaction can be begun");
    holder.execute("SELECT * FROM Summary_State FOR UPDATE").await.expect("the row can be locked");
    let answer = product.post(record("counted", 1, 1).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    wait_for_row_lock(&database).await;
    product.signal(Signal::SIGINT);
    let endpoints = product.state.join("endpoints.json");
    until("it is stopping", async || !endpoints.exists()).await;
    holder.execute("ROLLBACK").await.expect("the lock is ours");
    assert!(product.last_words().await.0.success());
    let counted: Option<u64> = sqlx::query_scalar("SELECT CAST(SUM(logs) AS UNSIGNED) FROM Codes")
        .fetch_one(&mut holder)
        .await
        .expect("there is a summary");
    assert_eq!(counted, Some(1));
    server.stop().await;
}
