//! Many batches at once, as they come out of the queue: few large transactions, each batch once, and none that takes its
//! neighbours down.

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use super::error::{Failure, InTheWay, TableError};
use super::items::RequestNumber;
use super::ledger;
use super::store::DynamoStore;
use super::table::NewItem;
use super::writing::LOG_OVERHEAD;
use crate::domain::MessageSets;
use crate::{Deadline, InsertOutcome, Message, MessageOutcome, MessageReport};

/// A transaction has 100 items at most: these ledger items, a shard item and a few batch items.
const MAX_MESSAGES: usize = 90;

/// A transaction has 4 MB at most. A message is 1 MiB at most.
const MAX_BYTES: usize = 1 << 20;

/// With less time left no further transaction is begun.
const TRANSACTION_LIMIT: Duration = Duration::from_millis(500);

/// Stop after this many refusals in a row: the table is at fault. Isolating one bad message takes 13.
const MAX_REFUSALS: u32 = 20;

/// Messages on their way into the table.
struct Run<'a> {
    store: &'a DynamoStore,
    request: RequestNumber,
    /// Sets of messages of which no two have the same key. They are stored one after the other.
    waiting: VecDeque<Vec<Message>>,
    refusals: u32,
    /// When the newest message that was stored had been received.
    newest: Option<i64>,
    report: MessageReport,
}

/// Stores messages, each whole or not at all, and only once.
pub(super) async fn insert(store: &DynamoStore, mut messages: Vec<Message>, deadline: Deadline) -> MessageReport {
    // What has waited longest comes first.
    messages.sort_by_key(Message::received_at);
    let MessageSets { sets, duplicates } = MessageSets::of(messages);
    let request = Uuid::new_v4().into_bytes();
    let waiting = sets.into_iter().flat_map(chunks).collect();
    let mut run = Run { store, request, waiting, refusals: 0, newest: None, report: MessageReport::default() };
    while let Some(messages) = run.waiting.pop_front() {
        if deadline.remaining() < TRANSACTION_LIMIT {
            run.waiting.push_front(messages);
            run.report.error = Some(crate::StoreError::NotStored("there is no time left for more".into()));
            break;
        }
        if let Some(error) = run.transaction(messages, deadline).await {
            run.report.error = Some(error.into());
            break;
        }
    }
    if let Some(newest) = run.newest {
        store.writer.stored(&store.table, store.settings.shards, newest, deadline).await;
    }
    run.finish(duplicates)
}

impl Run<'_> {
    /// One transaction. Returns the error if it is no use to go on.
    async fn transaction(&mut self, messages: Vec<Message>, deadline: Deadline) -> Option<Failure> {
        let failure = match self.put(&messages, deadline).await {
            Ok(()) => {
                self.refusals = 0;
                self.settle(messages, InsertOutcome::Inserted);
                return None;
            }
            Err(failure) => failure,
        };
        match &failure.error {
            // The ledger has some: an earlier delivery, or an earlier try of this transaction.
            TableError::Condition(found) => self.look_up(messages, found, deadline).await,
            TableError::Refused(reason) => {
                self.refusals += 1;
                if self.refusals >= MAX_REFUSALS {
                    self.waiting.push_front(messages);
                    return Some(failure);
                }
                self.isolate(messages, MessageOutcome::Refused(reason.clone()));
                None
            }
            _ => {
                self.waiting.push_front(messages);
                Some(failure)
            }
        }
    }

    async fn put(&self, messages: &[Message], deadline: Deadline) -> Result<(), Failure> {
        let store = self.store;
        let logs: Vec<_> =
            messages.iter().flat_map(|one| one.logs().iter().map(|log| (log, one.received_at()))).collect();
        let items = store.writer.items(&store.table, &store.settings, &logs, deadline).await?;
        let ledger = messages.iter().map(|one| ledger::entry(&one.batch(), &self.request, &store.settings));
        let items: Vec<NewItem> = ledger.chain(items).collect();
        store.table.put_all(items, deadline).await
    }

    /// Settles the messages that the ledger has. The others are stored in the next transaction.
    async fn look_up(&mut self, messages: Vec<Message>, found: &[InTheWay], deadline: Deadline) -> Option<Failure> {
        let (mut rest, mut error) = (Vec::new(), None);
        for (place, message) in messages.into_iter().enumerate() {
            let Some(found) = found.iter().find(|one| one.place == place).filter(|_| error.is_none()) else {
                rest.push(message);
                continue;
            };
            let item = found.item.clone();
            match ledger::outcome(&self.store.table, &message.batch(), &self.request, item, deadline).await {
                Ok(Some(outcome)) => self.settle(vec![message], outcome),
                // It expired in between.
                Ok(None) => rest.push(message),
                Err(failure) => {
                    error = Some(failure);
                    rest.push(message);
                }
            }
        }
        if !rest.is_empty() {
            self.waiting.push_front(rest);
        }
        error
    }

    fn settle(&mut self, messages: Vec<Message>, outcome: InsertOutcome) {
        if outcome == InsertOutcome::Inserted {
            self.newest = self.newest.max(messages.iter().map(Message::received_at).max());
            self.report.logs += messages.iter().map(|message| message.logs().len()).sum::<usize>();
            self.report.statements += 1;
        }
        let outcomes = messages.into_iter().map(|message| (message, MessageOutcome::Settled(outcome)));
        self.report.outcomes.extend(outcomes);
    }

    /// Retries the messages in two halves. A message that was alone gets this outcome.
    fn isolate(&mut self, mut messages: Vec<Message>, outcome: MessageOutcome) {
        if messages.len() <= 1 {
            self.report.outcomes.extend(messages.pop().map(|message| (message, outcome)));
            return;
        }
        let rest = messages.split_off(messages.len() / 2);
        self.waiting.push_back(messages);
        self.waiting.push_back(rest);
    }

    fn finish(mut self, duplicates: Vec<Message>) -> MessageReport {
        let rest = self.waiting.into_iter().flatten();
        self.report.outcomes.extend(rest.map(|message| (message, MessageOutcome::NotStored)));
        self.report.add_duplicates(duplicates);
        self.report
    }
}

/// Cut into transactions.
fn chunks(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let (mut chunks, mut size) = (vec![Vec::new()], 0);
    for message in messages {
        let own: usize = message.logs().iter().map(|log| log.device_id().as_str().len() + LOG_OVERHEAD).sum();
        let is_full = chunks
            .last()
            .is_some_and(|chunk| chunk.len() == MAX_MESSAGES || (size + own > MAX_BYTES && !chunk.is_empty()));
        if is_full {
            chunks.push(Vec::new());
            size = 0;
        }
        size += own;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(message);
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}
