//! The consumer of the queue: messages become rows, each batch once.
//!
//! [`QueueEvent`] → [`Message`]s → few large transactions, each with its part of the ledger → [`BatchResponse`]. A message
//! is deleted from the queue only if its batch is stored. Every other one is named in the response and delivered again. If
//! that never helps, it ends in the dead-letter queue. Nothing is dropped.

mod event;

use std::time::Duration;

pub use event::{BatchItemFailure, BatchResponse, QueueEvent, SqsRecord};
use logs_core::metrics::{Metric, Metrics};
use logs_core::settings::Env;
use logs_core::{Access, Deadline, InsertOutcome, Message, MessageOutcome, MessageReport, Store, clock};

/// At most 20 failures are logged one by one; all are counted.
const MAX_LOGGED: usize = 20;

const NOT_ALL: &str = "not all is stored; the queue keeps the rest";

/// The function.
#[derive(Debug)]
pub struct StoreLogs {
    /// Where the logs go.
    pub store: Store,
    /// The time since 1970, for the lag.
    pub clock: fn() -> Duration,
    /// What CloudWatch counts.
    pub metrics: Metrics,
}

impl StoreLogs {
    /// Reads all settings, and connects ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        let store = Store::from_environment(env, Access::Write).await?;
        Ok(Self { store, clock: clock::since_epoch, metrics: Metrics::from_environment(env) })
    }

    /// Stores what can be stored. The response names the rest.
    pub async fn handle(&self, event: QueueEvent, deadline: Deadline) -> BatchResponse {
        let received = event.records.len();
        let mut response = BatchResponse::default();
        let mut messages = Vec::with_capacity(received);
        for SqsRecord { message_id, body } in event.records {
            match Message::decode(message_id.clone(), &body) {
                Ok(message) => messages.push(message),
                Err(error) => fail(&mut response, &message_id, Some(&error.to_string())),
            }
        }
        let report = self.store.insert_messages(messages, deadline).await;
        let (mut duplicates, mut oldest) = (0, None);
        for (message, outcome) in &report.outcomes {
            match outcome {
                MessageOutcome::Settled(InsertOutcome::Inserted) => {
                    oldest = Some(oldest.map_or(message.received_at(), |at| message.received_at().min(at)));
                }
                MessageOutcome::Settled(InsertOutcome::AlreadyInserted) => duplicates += 1,
                MessageOutcome::Settled(InsertOutcome::KeyConflict) => {
                    fail(&mut response, message.id(), Some("another batch is stored under its Idempotency-Key"));
                }
                MessageOutcome::Settled(InsertOutcome::KeyInFlight) => {
                    fail(&mut response, message.id(), Some("another request is storing its Idempotency-Key"));
                }
                MessageOutcome::Refused(reason) => fail(&mut response, message.id(), Some(reason)),
                MessageOutcome::NotStored => fail(&mut response, message.id(), None),
            }
        }
        self.report(&report, received, response.batch_item_failures.len(), duplicates, oldest);
        response
    }

    /// Logs one line for people and one for CloudWatch. `oldest`: when the oldest of the stored messages was received.
    fn report(&self, report: &MessageReport, messages: usize, failed: usize, duplicates: usize, oldest: Option<i64>) {
        let MessageReport { logs, statements, error, .. } = report;
        let now = clock::seconds((self.clock)());
        // Clocks differ, but a lag is never negative.
        let lag = oldest.map(|oldest| u64::try_from(now - oldest).unwrap_or(0));
        match error {
            Some(error) => tracing::error!(messages, logs, duplicates, failed, lag, %error, "{NOT_ALL}"),
            None if failed > 0 => tracing::warn!(messages, logs, duplicates, failed, lag, "{NOT_ALL}"),
            None => tracing::info!(messages, logs, duplicates, failed, lag, "stored"),
        }
        let mut metrics = vec![
            Metric::Count("Messages", messages),
            Metric::Count("Accepted", *logs),
            Metric::Count("Duplicates", duplicates),
            Metric::Count("Failed", failed),
        ];
        // Only if something was stored: duplicates alone would make large statements look small.
        metrics.extend(logs.checked_div(*statements).map(|rows| Metric::Count("RowsPerStatement", rows)));
        // Only of stored messages: failed ones have their own metric.
        metrics.extend(lag.map(|lag| Metric::Seconds("QueueLag", lag)));
        metrics.extend(self.store.take_metrics());
        self.metrics.write(&metrics);
    }
}

/// Names the message in the response, so that it is delivered again. Logs it if it has a reason of its own.
fn fail(response: &mut BatchResponse, message_id: &str, reason: Option<&str>) {
    if let Some(reason) = reason
        && response.batch_item_failures.len() < MAX_LOGGED
    {
        tracing::error!(message_id, reason, "a message cannot be stored");
    }
    response.batch_item_failures.push(BatchItemFailure { item_identifier: message_id.to_owned() });
}
