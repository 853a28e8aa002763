//! Calls a function on a schedule.

use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::lambda::Function;

/// The part of AWS's event that a function reads.
const EVENT: &str = r#"{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;

/// A running schedule.
pub(super) struct Schedule {
    function: Function,
    calls: JoinHandle<()>,
}

impl Schedule {
    /// Calls the function now and then every `every`, but never twice at once.
    pub(super) fn start(function: Function, every: Duration) -> Self {
        let called = function.clone();
        let calls = tokio::spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let event = Bytes::from_static(EVENT.as_bytes());
                if let Err(error) = called.invoke(Uuid::new_v4().to_string(), event).await {
                    tracing::warn!(function = called.name(), %error, "a scheduled call failed");
                }
            }
        });
        Self { function, calls }
    }

    /// Makes no more calls, and waits for an open one.
    pub(super) async fn finish(&self) {
        self.calls.abort();
        self.function.finish().await;
    }

    /// Makes no more calls, and stops the function.
    pub(super) async fn stop(self) {
        self.calls.abort();
        self.function.stop().await;
    }
}
