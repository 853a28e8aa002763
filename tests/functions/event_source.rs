//! The local event source, with the real store-logs: batches, windows, failures, crashes, and an end that loses nothing.

use std::time::Duration;

use local::event_source::Invocation;
use local::queue::{RedrivePolicy, redrive};
use logs_core::MAX_MESSAGE_BYTES;
use serde_json::json;
use sqlx::Executor;
use tokio::time::Instant;

use crate::harness::{Database, QueueRun, message, private_server, until, wait_for_blocked_statements};

fn messages(count: usize) -> Vec<String> {
    (0..count).map(|number| message(&format!("key-{number}"), "device")).collect()
}

/// A failed message comes again after a second.
const IMPATIENT: RedrivePolicy = RedrivePolicy { visibility_timeout: 1, max_receive_count: 20 };

#[tokio::test]
async fn a_batch_is_gathered_for_the_window_that_its_first_message_opens() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start(&database).await;
    run.config.window = Duration::from_secs(3);
    let started = Instant::now();
    let event_source = run.poll();
    let [first, second, third] = ["a", "b", "c"].map(|key| message(key, "device"));
    run.send([first]).await;
    until("the first is received", async || run.depth().await == (0, 1)).await;
    run.send([second, third]).await;
    assert_eq!(run.invocation().await, Invocation { messages: 3, failed: 0, error: None });
    assert!(started.elapsed() >= run.config.window);
    assert_eq!((run.depth().await, database.count().await), ((0, 0), 3));
    event_source.stop().await;
}

#[tokio::test]
async fn a_full_batch_waits_for_no_window_and_a_stop_gives_back_what_was_gathered() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start(&database).await;
    (run.config.batch_size, run.config.window) = (10, Duration::from_hours(1));
    run.send(messages(25)).await;
    let event_source = run.poll();
    for _ in 0..2 {
        assert_eq!(run.invocation().await, Invocation { messages: 10, failed: 0, error: None });
    }
    until("the rest is gathered", async || run.depth().await == (0, 5)).await;
    event_source.stop().await;
    assert_eq!((run.depth().await, database.count().await), ((5, 0), 20));
}

#[tokio::test]
async fn an_event_is_never_larger_than_lambda_takes() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start(&database).await;
    run.config.window = Duration::from_secs(2);
    // No messages of ours, so all of them fail; of the largest size that SQS takes.
    run.send((0..7).map(|_| "x".repeat(1 << 20))).await;
    let event_source = run.poll();
    let (first, second) = (run.invocation().await, run.invocation().await);
    assert!(first.messages <= 5 && second.messages <= 5, "{first:?} {second:?}");
    assert_eq!((first.error.as_ref(), second.error.as_ref()), (None, None));
    event_source.stop().await;
}

#[tokio::test]
async fn the_largest_message_that_there_is_comes_through_and_is_stored() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start(&database).await;
    let logs: Vec<_> = (0..1000).map(|number| json!(["\u{1f4df}".repeat(240), number, 1_514_864_773])).collect();
    let body = json!({ "version": 1, "key": "largest", "received_at": 1_764_000_000, "logs": logs }).to_string();
    let largest = format!("{body}{}", " ".repeat(MAX_MESSAGE_BYTES - body.len()));
    run.send([largest]).await;
    let event_source = run.poll();
    assert_eq!(run.invocation().await, Invocation { messages: 1, failed: 0, error: None });
    event_source.stop().await;
    assert_eq!((run.depth().await, database.count().await), ((0, 0), 1000));
}

#[tokio::test]
async fn a_poisoned_message_takes_no_neighbour_down_and_is_a_dead_letter_in_the_end() {
    let database = Database::migrated().await;
    // Long enough for an invocation on a busy machine: a message in progress must not be delivered again.
    let policy = RedrivePolicy { visibility_timeout: 4, max_receive_count: 2 };
    let mut run = QueueRun::start_with(&database, policy).await;
    run.send(["poison".to_owned()].into_iter().chain(messages(20))).await;
    let event_source = run.poll();
    let mut handled = Vec::new();
    while handled.iter().map(|invocation: &Invocation| invocation.failed).sum::<usize>() < 2 {
        handled.push(run.invocation().await);
    }
    run.until_dead_letters(1).await;
    assert_eq!((run.depth().await, database.count().await), ((0, 0), 20));

    // It has not become better.
    assert_eq!(redrive(&run.queues.dead_letters, &run.queues.queue, |_| {}).await.expect("moto answers"), 1);
    assert_eq!(run.invocation().await, Invocation { messages: 1, failed: 1, error: None });
    run.until_dead_letters(1).await;
    event_source.stop().await;
}

#[tokio::test]
async fn of_ten_thousand_with_one_in_a_hundred_poison_the_rest_is_stored_and_so_is_a_dead_letter_that_was_repaired() {
    let database = Database::migrated().await;
    // One poller deletes before it receives again, so nothing but poison comes twice, unless the database takes ten
    // seconds for a transaction.
    let policy = RedrivePolicy { visibility_timeout: 20, max_receive_count: 1 };
    let mut run = QueueRun::start_with(&database, policy).await;
    run.config.window = Duration::from_secs(3);
    let bodies = messages(10_000).into_iter().enumerate();
    run.send_many(bodies.map(|(number, body)| if number % 100 == 37 { "poison".to_owned() } else { body })).await;
    let event_source = run.poll();
    let mut handled = Vec::new();
    while handled.iter().map(|invocation: &Invocation| invocation.messages).sum::<usize>() < 10_000 {
        handled.push(run.invocation().await);
    }
    assert!(handled.iter().all(|invocation| invocation.error.is_none()), "{handled:?}");
    assert_eq!(handled.iter().map(|invocation| invocation.failed).sum::<usize>(), 100, "{handled:?}");
    assert_eq!(database.count().await, 9_900);
    run.until_dead_letters(100).await;
    assert_eq!(run.depth().await, (0, 0));

    let dead = run.queues.dead_letters.receive(1, 0).await.expect("moto answers").remove(0);
    assert!(dead.body.is_some_and(|body| body.starts_with("poison")));
    run.send([message("repaired", "a")]).await;
    run.queues.dead_letters.delete(&[dead.receipt_handle.expect("a handle")]).await.expect("moto answers");
    until("it is stored", async || database.count().await == 9_901).await;
    event_source.stop().await;
}

#[tokio::test]
async fn a_database_that_is_away_for_longer_than_the_visibility_timeout_costs_no_message() {
    let (mut server, database, _folder) = private_server(&[]).await;
    let policy = RedrivePolicy { visibility_timeout: 5, max_receive_count: 20 };
    let mut run = QueueRun::start_with(&database, policy).await;
    server.kill().await;
    run.send(messages(20)).await;
    let event_source = run.poll();
    // Received, failed, and after the visibility timeout received and failed again.
    let mut failed = 0;
    while failed < 40 {
        let Invocation { messages, failed: now, .. } = run.invocation().await;
        assert_eq!(now, messages);
        failed += now;
    }
    server.restart().await.expect("the server starts again");
    until("all are stored", async || run.depth().await == (0, 0)).await;
    assert_eq!(database.count().await, 20);
    assert_eq!(run.queues.dead_letters.depth().await.expect("moto answers").all(), 0);
    event_source.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_batch_whose_function_is_killed_is_delivered_again_and_stored_once() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start_with(&database, IMPATIENT).await;
    run.send(messages(5)).await;
    let mut lock = database.connection().await;
    lock.execute("LOCK TABLES Logs WRITE").await.expect("the table can be locked");
    let event_source = run.poll();
    wait_for_blocked_statements(&database, 1).await;
    assert_eq!(run.kill_environments(), 1);
    let killed = run.invocation().await;
    assert_eq!(
        (killed.failed, killed.error.as_deref()),
        (killed.messages, Some("the function ended without an answer"))
    );
    lock.execute("UNLOCK TABLES").await.expect("the lock is ours");
    until("all are stored", async || run.depth().await == (0, 0)).await;
    assert_eq!(database.count().await, 5);
    event_source.stop().await;
}

#[tokio::test]
async fn no_more_invocations_than_allowed_nothing_received_in_advance_and_a_stop_waits_for_them() {
    let database = Database::migrated().await;
    let mut run = QueueRun::start(&database).await;
    (run.config.batch_size, run.config.maximum_concurrency) = (1, 2);
    run.send(messages(5)).await;
    let mut lock = database.connection().await;
    lock.execute("LOCK TABLES Logs WRITE").await.expect("the table can be locked");
    let event_source = run.poll();
    wait_for_blocked_statements(&database, 2).await;
    assert_eq!(run.depth().await, (3, 2));
    let stop = tokio::spawn(event_source.stop());
    lock.execute("UNLOCK TABLES").await.expect("the lock is ours");
    stop.await.expect("it stops");
    let stored = usize::try_from(database.count().await).expect("a number");
    assert_eq!(run.depth().await, (5 - stored, 0));
    assert!(stored >= 2, "what was begun is finished");

    let event_source = run.poll();
    until("the rest is stored", async || run.depth().await == (0, 0)).await;
    assert_eq!(database.count().await, 5);
    event_source.stop().await;
}
