//! Divides messages into transactions, and retries failed ones in smaller transactions.

use std::collections::VecDeque;
use std::time::Duration;

use super::error::MySqlError;
use super::statements::LOGS_PER_STATEMENT;
use crate::domain::MessageSets;
use crate::{InsertOutcome, Message, MessageOutcome, MessageReport, StoreError};

/// The maximum number of messages in a transaction: their ledger rows are one statement.
const MAX_MESSAGES: usize = 1_000;

/// Start with 1,000 logs per transaction (or one message that has more); adapt the size to how long it took.
const FIRST_LOGS: usize = 1_000;

/// The maximum number of logs in a transaction.
const MAX_LOGS: usize = 10_000;

/// The minimum number of logs in a transaction: fewer are not worth one.
const MIN_LOGS: usize = 100;

/// How long a transaction should take. A slow database gets small ones, and each of them is progress.
const TARGET_DURATION: Duration = Duration::from_secs(2);

/// A failed transaction is retried in 8 parts, so one bad message among 1,000 is isolated after four rounds.
const BISECT_FACTOR: usize = 8;

/// Stop after this many refusals in a row: the server is at fault. They take milliseconds, and isolating a few bad messages
/// among a thousand takes hundreds of them.
const MAX_REFUSALS: u32 = 1_000;

/// Stop after this many broken or silent connections in a row. Each takes seconds.
const MAX_BREAKS: u32 = 2;

/// The messages of one transaction. No key occurs twice.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) messages: Vec<Message>,
    /// It held a single message and met a lock before.
    was_locked: bool,
}

/// Messages on their way into the database.
#[derive(Default)]
pub(super) struct Transactions {
    /// See [`MessageSets`].
    sets: VecDeque<VecDeque<Message>>,
    /// Parts of failed transactions. They come last, so that bad messages delay no good ones.
    failed: VecDeque<Transaction>,
    /// Second deliveries of a message.
    duplicates: Vec<Message>,
    max_logs: usize,
    refusals: u32,
    breaks: u32,
    report: MessageReport,
}

impl Transactions {
    /// Each set is sorted by time, so that what has waited longest is stored first, and by key: transactions that take
    /// their locks in the same order do not deadlock.
    pub(super) fn new(messages: Vec<Message>) -> Self {
        let MessageSets { mut sets, duplicates } = MessageSets::of(messages);
        for set in &mut sets {
            set.sort_unstable_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        }
        let sets = sets.into_iter().map(VecDeque::from).collect();
        Self { sets, duplicates, max_logs: FIRST_LOGS, ..Self::default() }
    }

    /// The next transaction; `None` when all is done.
    pub(super) fn next(&mut self) -> Option<Transaction> {
        while let Some(set) = self.sets.front_mut() {
            let (mut messages, mut logs) = (Vec::new(), 0);
            while let Some(message) = set.front() {
                logs += message.logs().len();
                if messages.len() == MAX_MESSAGES || (logs > self.max_logs && !messages.is_empty()) {
                    break;
                }
                messages.extend(set.pop_front());
            }
            if !messages.is_empty() {
                return Some(Transaction { messages, was_locked: false });
            }
            if let Some(transaction) = self.failed.pop_front() {
                return Some(transaction);
            }
            self.sets.pop_front();
        }
        None
    }

    /// Puts messages back, so that the next transaction begins with them.
    pub(super) fn put_back(&mut self, transaction: Transaction) {
        let mut set = self.sets.pop_front().unwrap_or_default();
        for message in transaction.messages.into_iter().rev() {
            set.push_front(message);
        }
        self.sets.push_front(set);
    }

    /// Records the outcome of a transaction. Returns the error if the other messages would fail as well.
    pub(super) fn settle(
        &mut self,
        transaction: Transaction,
        result: Result<Option<Vec<InsertOutcome>>, MySqlError>,
        took: Duration,
    ) -> Option<MySqlError> {
        match result {
            Ok(Some(outcomes)) => {
                (self.refusals, self.breaks) = (0, 0);
                self.committed(transaction.messages, outcomes, took);
            }
            Ok(None) => self.locked(transaction),
            Err(error @ MySqlError::Refused(_)) if !error.is_about_the_server() => {
                self.refusals += 1;
                if self.refusals >= MAX_REFUSALS {
                    self.put_back(transaction);
                    return Some(error);
                }
                self.isolate(transaction, MessageOutcome::Refused(error.to_string()));
            }
            // If it was stored all the same, the ledger tells the next try.
            Err(error @ (MySqlError::Broken(_) | MySqlError::NoAnswerInTime)) => {
                self.breaks += 1;
                if self.breaks < MAX_BREAKS {
                    tracing::warn!(%error, messages = transaction.messages.len(), "trying again, in smaller parts");
                }
                self.max_logs = (self.max_logs / BISECT_FACTOR).max(MIN_LOGS);
                self.put_back(transaction);
                return (self.breaks >= MAX_BREAKS).then_some(error);
            }
            Err(error) => {
                self.put_back(transaction);
                return Some(error);
            }
        }
        None
    }

    /// The outcomes of all messages. `error`: why some were not tried.
    pub(super) fn report(mut self, error: Option<StoreError>) -> MessageReport {
        self.report.error = error;
        let failed = self.failed.into_iter().flat_map(|transaction| transaction.messages);
        let unsettled = self.sets.into_iter().flatten().chain(failed);
        self.report.outcomes.extend(unsettled.map(|message| (message, MessageOutcome::NotStored)));
        self.report.add_duplicates(self.duplicates);
        self.report
    }

    fn committed(&mut self, messages: Vec<Message>, outcomes: Vec<InsertOutcome>, took: Duration) {
        let logs: usize = messages.iter().map(|message| message.logs().len()).sum();
        let milliseconds = usize::try_from(took.as_millis()).unwrap_or(usize::MAX).max(1);
        let target = usize::try_from(TARGET_DURATION.as_millis()).unwrap_or(usize::MAX);
        self.max_logs = (logs * target / milliseconds).clamp(MIN_LOGS, MAX_LOGS);
        let mut inserted = 0;
        for (message, outcome) in messages.into_iter().zip(outcomes) {
            if outcome == InsertOutcome::Inserted {
                inserted += message.logs().len();
            }
            self.report.outcomes.push((message, MessageOutcome::Settled(outcome)));
        }
        self.report.logs += inserted;
        self.report.statements += inserted.div_ceil(LOGS_PER_STATEMENT);
    }

    /// Another transaction held a lock. A message that was alone is retried once.
    fn locked(&mut self, transaction: Transaction) {
        if transaction.messages.len() == 1 && !transaction.was_locked {
            self.failed.push_back(Transaction { was_locked: true, ..transaction });
        } else {
            self.isolate(transaction, MessageOutcome::Settled(InsertOutcome::KeyInFlight));
        }
    }

    /// Retries the messages in smaller transactions. A message that was alone gets this outcome.
    fn isolate(&mut self, transaction: Transaction, outcome: MessageOutcome) {
        let mut messages = transaction.messages;
        if messages.len() <= 1 {
            self.report.outcomes.extend(messages.pop().map(|message| (message, outcome)));
            return;
        }
        let size = messages.len().div_ceil(BISECT_FACTOR);
        while !messages.is_empty() {
            let rest = messages.split_off(size.min(messages.len()));
            self.failed.push_back(Transaction { messages, was_locked: false });
            messages = rest;
        }
    }
}

fn sort_key(message: &Message) -> (i64, &str) {
    (message.received_at(), message.key().as_str())
}

#[cfg(test)]
mod tests;
