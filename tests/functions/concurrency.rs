//! Several events at once in one environment, as Lambda Managed Instances send them.

use std::sync::Arc;

use local::lambda::InvokeError;
use sqlx::{Executor, MySqlConnection};
use tokio::task::JoinSet;

use crate::harness::{FunctionRun, body_event, private_server, record, until};

const EVENTS_AT_ONCE: usize = 8;

const EVENTS_PER_CLIENT: usize = 40;

/// The connections that others have to this database, and how many the server has ever had.
async fn connections(observer: &mut MySqlConnection) -> (Vec<i64>, String) {
    let ids = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
               WHERE db = DATABASE() AND id <> CONNECTION_ID() ORDER BY id";
    let ids = sqlx::query_scalar(ids).fetch_all(&mut *observer).await.expect("the list can be read");
    let ever = sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Connections'").fetch_one(observer).await;
    let (_, ever): (String, String) = ever.expect("the status can be read");
    (ids, ever)
}

async fn wait_for_statements(observer: &mut MySqlConnection, like: &str) {
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE ?";
    until("all events wait for the lock", async || {
        let waiting: i64 = sqlx::query_scalar(sql).bind(like).fetch_one(&mut *observer).await.expect("it can be read");
        waiting == i64::try_from(EVENTS_AT_ONCE).expect("a small number")
    })
    .await;
}

/// One client per concurrent event; each sends `events` events, one after the other.
fn start_clients(function: &Arc<FunctionRun>, events: usize) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for client in 0..EVENTS_AT_ONCE {
        let function = Arc::clone(function);
        clients.spawn(async move {
            for _ in 0..events {
                let body = record(&format!("device {client}"), 1, 1).to_string();
                let response = function.invoke(&body_event(&body)).await.expect("the function answers");
                assert_eq!(response.status, 200);
            }
        });
    }
    clients
}

#[tokio::test]
async fn eight_events_at_once_have_eight_connections_and_keep_them() {
    for (name, statement) in [("post-log", "INSERT INTO Logs%"), ("get-logs", "SELECT error_log_id%")] {
        let (server, database, _folder) = private_server(&[]).await;
        let events = EVENTS_AT_ONCE.to_string();
        let variables = [("DATABASE_URL", &*database.url), ("AWS_LAMBDA_MAX_CONCURRENCY", &*events)];
        let function = Arc::new(FunctionRun::new(name, &variables));
        let mut observer = database.connection().await;

        // None of them can be answered before all are under way.
        observer.execute("LOCK TABLES Logs WRITE").await.expect("the table can be locked");
        let clients = start_clients(&function, 1);
        wait_for_statements(&mut observer, statement).await;
        let ninth = function.invoke(&body_event("[]")).await;
        assert!(matches!(ninth, Err(InvokeError::Throttled)), "{name} has room for eight");
        observer.execute("UNLOCK TABLES").await.expect("it can be unlocked");
        clients.join_all().await;
        let processes = function.process_ids();
        assert_eq!(processes.len(), 1, "{name} has one environment");
        let before = connections(&mut observer).await;
        assert_eq!(before.0.len(), EVENTS_AT_ONCE, "{name} has a connection for each event");

        let mut clients = start_clients(&function, EVENTS_PER_CLIENT);
        while !clients.is_empty() {
            assert_eq!(connections(&mut observer).await, before, "{name} makes no other connection under load");
            while let Some(client) = clients.try_join_next() {
                client.expect("every event is answered");
            }
        }
        assert_eq!(connections(&mut observer).await, before, "{name}");
        assert_eq!(function.process_ids(), processes);
        if name == "post-log" {
            assert_eq!(usize::try_from(database.count().await), Ok(EVENTS_AT_ONCE * (1 + EVENTS_PER_CLIENT)));
        }
        server.stop().await;
    }
}
