//! The time of day jumps.

use std::path::Path;
use std::time::Duration;

use sqlx::Executor;

use super::preloaded;
use crate::harness::{Database, FunctionRun, keyed_event, record, temporary_folder};

#[tokio::test]
async fn a_clock_that_jumps_loses_and_doubles_nothing() {
    let database = Database::migrated().await;
    let folder = temporary_folder();
    let clock = folder.path().join("clock");
    let set = |offset: &str| std::fs::write(&clock, offset).expect("the file can be written");
    set("+0");
    let post_log = with_clock(&database, &clock);
    let send = async |key: &str| {
        let answer = post_log.invoke(&keyed_event(key, &record("device", 1, 1).to_string())).await.expect("it answers");
        (answer.status, answer.body["duplicate"].as_bool())
    };
    assert_eq!(send("first").await, (200, Some(false)), "{}", post_log.log());
    let process = post_log.process_ids();
    set("-1d");
    assert_eq!(send("first").await, (200, Some(true)));
    assert_eq!(send("second").await, (200, Some(false)));
    set("+1d");
    assert_eq!(send("third").await, (200, Some(false)), "by this clock Lambda has ended the function");
    // Whatever the clock says, a response goes out before the function's timeout.
    let mut blocker = database.connection().await;
    blocker.execute("LOCK TABLES Logs WRITE").await.expect("a table can be locked");
    for offset in ["-1d", "+1d"] {
        set(offset);
        assert_eq!(send("fourth").await, (503, None), "{offset}");
    }
    blocker.execute("UNLOCK TABLES").await.expect("a table can be unlocked");
    set("+0");
    assert_eq!(send("second").await, (200, Some(true)));
    assert_eq!(send("third").await, (200, Some(true)));
    assert_eq!(send("fourth").await, (200, Some(false)));
    assert_eq!(database.count().await, 4);
    assert_eq!(post_log.process_ids(), process);
    let mut connection = database.connection().await;
    let dates: Vec<i64> = sqlx::query_scalar("SELECT received_at FROM Logs ORDER BY error_log_id")
        .fetch_all(&mut connection)
        .await
        .expect("there is a table Logs");
    assert!(dates[1] < dates[0] && dates[0] <= dates[2], "the clock did jump: {dates:?}");
}

/// post-log, with the time of day as the file says: an offset to the real one. The monotonic clock goes on.
fn with_clock(database: &Database, clock: &Path) -> FunctionRun {
    let library = preloaded("FAKETIME");
    let variables = [
        ("DATABASE_URL", &*database.url),
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().expect("a path of letters")),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    FunctionRun::with_timeout("post-log", &variables, Duration::from_secs(6))
}
