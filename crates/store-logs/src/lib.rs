//! The consumer of the queue: messages become rows, each batch once.
//!
//! [`QueueEvent`] → [`Message`]s → few large transactions, each with its part of the ledger → [`BatchResponse`]. A message
//! is deleted from the queue only if its batch is stored; every other one is named in the answer, is delivered again, and
//! ends in the dead-letter queue if that never helps. Nothing is dropped.

mod event;

use std::time::Duration;

pub use event::{BatchItemFailure, BatchResponse, QueueEvent, Record};
use logs_core::metrics::{Metric, Metrics};
use logs_core::mysql::{MessageOutcome, MessageOutcomes, Store};
use logs_core::settings::{DatabaseSettings, Env};
use logs_core::{Deadline, Message, clock};

/// So many messages that failed get a line of their own in the log; all are counted.
const LOGGED: usize = 20;

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
    /// Everything from the environment; connected ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, edge::Error> {
        let store = Store::new(&DatabaseSettings::from_environment(env)?);
        store.warm_up().await?;
        Ok(Self { store, clock: clock::since_epoch, metrics: Metrics::from_environment(env) })
    }

    /// Stores what can be stored; the answer names the rest.
    pub async fn handle(&self, event: QueueEvent, deadline: Deadline) -> BatchResponse {
        let mut failures = Failures::new(event.records.len());
        let (mut messages, mut places) = (Vec::new(), Vec::new());
        for (place, record) in event.records.iter().enumerate() {
            match Message::decode(&record.body) {
                Ok(message) => {
                    messages.push(message);
                    places.push(place);
                }
                Err(error) => failures.add(place, &record.message_id, &error.to_string()),
            }
        }
        let deliveries = self.store.insert_messages(&messages, deadline).await;
        let (mut duplicates, mut oldest) = (0, None);
        for ((place, message), outcome) in places.iter().zip(&messages).zip(&deliveries.outcomes) {
            let id = &event.records[*place].message_id;
            match outcome {
                MessageOutcome::Stored => {
                    oldest = Some(oldest.map_or(message.received_at, |at| message.received_at.min(at)));
                }
                MessageOutcome::Duplicate => duplicates += 1,
                MessageOutcome::KeyReused => {
                    failures.add(*place, id, "another batch is stored under its Idempotency-Key");
                }
                MessageOutcome::Refused(why) => failures.add(*place, id, why),
                MessageOutcome::Locked => {
                    failures.add(*place, id, "somebody else is at work under its Idempotency-Key");
                }
                MessageOutcome::NotStored => failures.add_quietly(*place),
            }
        }
        self.report(&deliveries, duplicates, oldest, &failures);
        failures.answer(event)
    }

    /// One line for people, one for CloudWatch. `oldest` is when the oldest message that was stored had been received.
    fn report(&self, deliveries: &MessageOutcomes, duplicates: usize, oldest: Option<i64>, failures: &Failures) {
        let MessageOutcomes { logs, statements, error, .. } = deliveries;
        let now = clock::seconds((self.clock)());
        // A clock that is behind another one makes no negative lag.
        let lag = oldest.map(|oldest| u64::try_from(now - oldest).unwrap_or(0));
        let (messages, failed) = (failures.failed.len(), failures.count);
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
        // None where nothing was stored: duplicates alone would make large statements look small.
        metrics.extend(logs.checked_div(*statements).map(|rows| Metric::Count("RowsPerStatement", rows)));
        // Of what is stored: what fails again and again has its own metric.
        metrics.extend(lag.map(|lag| Metric::Seconds("QueueLag", lag)));
        self.metrics.write(&metrics);
    }
}

/// The messages that fail, by their place in the event.
struct Failures {
    failed: Vec<bool>,
    count: usize,
    logged: usize,
}

impl Failures {
    fn new(messages: usize) -> Self {
        Self { failed: vec![false; messages], count: 0, logged: 0 }
    }

    fn add(&mut self, place: usize, message_id: &str, why: &str) {
        if self.logged < LOGGED {
            tracing::error!(message_id, why, "a message cannot be stored");
        }
        self.logged += 1;
        self.add_quietly(place);
    }

    fn add_quietly(&mut self, place: usize) {
        self.failed[place] = true;
        self.count += 1;
    }

    fn answer(self, event: QueueEvent) -> BatchResponse {
        let failed = event.records.into_iter().zip(self.failed).filter(|(_, failed)| *failed);
        let batch_item_failures =
            failed.map(|(record, _)| BatchItemFailure { item_identifier: record.message_id }).collect();
        BatchResponse { batch_item_failures }
    }
}
