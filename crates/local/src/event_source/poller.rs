//! One poller: it gathers a batch, invokes the function, deletes what succeeded, and starts over.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::{Gathered, Record, event, ids};
use super::{EventSourceConfig, Invocation, Phase, answer};
use crate::queue::{MAX_PER_CALL, QueueError};

/// Maximum number of simultaneous calls to the queue.
const CALLS_AT_ONCE: usize = 5;

/// The long polling of an idle poller. Shorter than Lambda's 20 s, because a stop waits for it.
const LONG_POLL_SECONDS: u8 = 1;

/// The pause while a batch is gathered and the queue had fewer messages than asked for. Empty calls would take processor
/// time from the clients.
const SHORT_PAUSE: Duration = Duration::from_millis(50);

/// The pause after an error. It doubles with each further error.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(5);

pub(super) struct Poller {
    config: EventSourceConfig,
    phase: watch::Receiver<Phase>,
    gathered: Gathered,
    backoff: Duration,
}

impl Poller {
    pub(super) fn new(config: EventSourceConfig, phase: watch::Receiver<Phase>) -> Self {
        Self { config, phase, gathered: Gathered::default(), backoff: FIRST_BACKOFF }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.gather().await;
            if self.is_stopped() {
                break;
            }
            let batch = self.gathered.take_batch(self.config.batch_size);
            if self.invoke(&batch).await {
                self.backoff = FIRST_BACKOFF;
            } else {
                self.back_off().await;
            }
        }
        self.give_back().await;
    }

    fn is_stopped(&self) -> bool {
        *self.phase.borrow() == Phase::Stopped
    }

    fn is_last(&self) -> bool {
        *self.phase.borrow() == Phase::WithoutWindow
    }

    /// Returns when a batch is complete: by number, by size, or by the time since its first message; without windows,
    /// when the queue is empty. Messages that did not fit into the last batch are due at once.
    async fn gather(&mut self) {
        let mut end = (!self.gathered.is_empty()).then(Instant::now);
        let (mut calls, mut is_all) = (1, false);
        while !self.is_stopped() {
            let room = self.gathered.room(self.config.batch_size);
            let is_due = room == 0 || end.is_some_and(|end| end <= Instant::now()) || (is_all && self.is_last());
            if is_due && !self.gathered.is_empty() {
                return;
            }
            let is_idle = self.gathered.is_empty();
            let asked = room.min(calls * MAX_PER_CALL);
            match self.receive(asked, if is_idle { LONG_POLL_SECONDS } else { 0 }).await {
                Ok(0) if is_idle => {}
                Ok(count) => {
                    let end = *end.get_or_insert_with(|| Instant::now() + self.config.window);
                    is_all = count < asked;
                    if count == asked {
                        calls = CALLS_AT_ONCE;
                    } else {
                        calls = 1;
                        sleep_until(end.min(Instant::now() + SHORT_PAUSE)).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "no messages can be received");
                    self.back_off().await;
                }
            }
        }
    }

    /// Receives ten messages a call, all calls at once. Returns the number.
    async fn receive(&mut self, asked: usize, wait_seconds: u8) -> Result<usize, QueueError> {
        let mut receiving = JoinSet::new();
        for first in (0..asked).step_by(MAX_PER_CALL) {
            let (queue, count) = (self.config.queue.clone(), MAX_PER_CALL.min(asked - first));
            receiving.spawn(async move { queue.receive(count, wait_seconds).await });
        }
        let (mut count, mut outcome) = (0, Ok(()));
        for received in receiving.join_all().await {
            match received {
                Ok(messages) => {
                    count += messages.len();
                    for message in messages {
                        self.gathered.add(Record::new(message, &self.config.queue));
                    }
                }
                Err(error) => outcome = Err(error),
            }
        }
        if count == 0 { outcome.map(|()| 0) } else { Ok(count) }
    }

    /// Invokes the function and deletes what succeeded. Returns whether any message did.
    async fn invoke(&self, batch: &[Record]) -> bool {
        let function = &self.config.function;
        let id = uuid::Uuid::new_v4().to_string();
        let answer = function.invoke(id.clone(), event(batch)).await;
        let failures = answer
            .map_err(|error| error.to_string())
            .and_then(|answer| answer::failures(&answer, &ids(batch)))
            .map_err(|error| {
                tracing::error!(function = function.name(), request_id = id, error, "the batch failed");
                error
            });
        let (failed, error) = match failures {
            Ok(failed) => {
                self.delete(batch, &failed).await;
                (batch.iter().filter(|record| failed.contains(&record.id)).count(), None)
            }
            Err(error) => (batch.len(), Some(error)),
        };
        let messages = batch.len();
        tracing::info!(function = function.name(), request_id = id, messages, failed, "a batch was handled");
        if let Some(invocations) = &self.config.invocations {
            let _ = invocations.send(Invocation { messages, failed, error });
        }
        failed < messages
    }

    /// Deletes the messages that did not fail. A message that cannot be deleted is received again.
    async fn delete(&self, batch: &[Record], failed: &HashSet<String>) {
        let done = batch.iter().filter(|record| !failed.contains(&record.id)).map(|record| record.handle.clone());
        let done: Vec<String> = done.collect();
        for round in done.chunks(MAX_PER_CALL * CALLS_AT_ONCE) {
            let mut deleting = JoinSet::new();
            for handles in round.chunks(MAX_PER_CALL) {
                let (queue, handles) = (self.config.queue.clone(), handles.to_vec());
                deleting.spawn(async move { queue.delete(&handles).await });
            }
            for deleted in deleting.join_all().await {
                match deleted {
                    Ok(0) => {}
                    Ok(messages) => tracing::warn!(messages, "messages were not deleted"),
                    Err(error) => tracing::warn!(%error, "messages were not deleted"),
                }
            }
        }
    }

    async fn back_off(&mut self) {
        let pause = self.backoff;
        self.backoff = (pause * 2).min(LAST_BACKOFF);
        tokio::select! {
            () = sleep(pause) => {}
            _ = self.phase.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
    }

    async fn give_back(self) {
        for handles in self.gathered.into_handles().chunks(MAX_PER_CALL) {
            if let Err(error) = self.config.queue.give_back(handles).await {
                tracing::warn!(%error, "messages stay hidden for their visibility timeout");
            }
        }
    }
}
