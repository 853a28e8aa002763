//! A function that a schedule calls.

use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::lambda::Function;

/// What AWS sends, as far as a function looks at it.
const EVENT: &str = r#"{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;

/// A function and its schedule, running.
pub(super) struct Schedule {
    function: Function,
    calls: JoinHandle<()>,
}

impl Schedule {
    /// Calls the function now, and then again and again; never twice at once.
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

    /// Makes no more calls, and returns when the call that is open has ended.
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
