//! Many batches at once, as they come out of the queue: few large transactions, each batch once, and none that takes its
//! neighbours down.

use std::collections::VecDeque;
use std::time::Duration;

use uuid::Uuid;

use super::buckets::Buckets;
use super::error::{Failure, InTheWay, TableError};
use super::items::RequestNumber;
use super::ledger;
use super::store::DynamoStore;
use super::table::NewItem;
use super::writing::LOG_OVERHEAD;
use crate::domain::MessageSets;
use crate::{Deadline, InsertOutcome, Message, MessageOutcome, MessageReport};

/// A transaction has 100 items at most: these of the ledger, a shard item and a few batch items.
const MAX_LEDGER_ITEMS: usize = 90;

/// A transaction has 4 MB at most: packed logs, and ten bytes for each key. A message is 1 MiB at most.
const MAX_BYTES: usize = 1 << 20;

/// With less time left no further transaction is begun.
const TRANSACTION_LIMIT: Duration = Duration::from_millis(500);

/// Stop after this many refusals in a row: the table is at fault. Isolating one bad message takes 13.
const MAX_REFUSALS: u32 = 20;

/// Messages on their way into the table.
struct Run<'a> {
    store: &'a DynamoStore,
    request: RequestNumber,
    buckets: Buckets,
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
    let report = MessageReport::default();
    let mut run = Run { store, request, buckets: Buckets::new(request), waiting, refusals: 0, newest: None, report };
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
        if let Err(failure) = self.buckets.read(&self.store.table, &messages, deadline).await {
            self.waiting.push_front(messages);
            return Some(failure);
        }
        let messages = self.settle_known(messages);
        if messages.is_empty() {
            return None;
        }
        let failure = match self.put(&messages, deadline).await {
            Ok(()) => {
                self.refusals = 0;
                self.buckets.add(&messages);
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

    /// Settles the messages that their buckets have: an earlier delivery has stored them, or an earlier try whose answer was
    /// lost. Returns the others, those first whose keys clients chose.
    fn settle_known(&mut self, mut messages: Vec<Message>) -> Vec<Message> {
        messages.sort_by_key(|message| message.own_key().is_some());
        let mut rest = Vec::new();
        for message in messages {
            match self.buckets.outcome(&message) {
                Some(outcome) => self.settle(vec![message], outcome),
                None => rest.push(message),
            }
        }
        rest
    }

    /// The items of the ledger come first, in the order of [`Run::settle_known`].
    async fn put(&self, messages: &[Message], deadline: Deadline) -> Result<(), Failure> {
        let store = self.store;
        let logs: Vec<_> =
            messages.iter().flat_map(|one| one.logs().iter().map(|log| (log, one.received_at()))).collect();
        let items = store.writer.items(&store.table, &store.settings, &logs, deadline).await?;
        let by_client = messages.iter().filter(|one| one.own_key().is_none());
        let ledger = by_client.map(|one| ledger::entry(&one.batch(), &self.request, &store.settings));
        let parts = self.buckets.next_parts(messages, &store.settings);
        let items: Vec<NewItem> = ledger.chain(parts).chain(items).collect();
        store.table.put_all(items, deadline).await
    }

    /// Settles the messages whose keys, chosen by clients, the ledger has. The others are stored in the next transaction,
    /// after another look at their buckets if one of them has a new part.
    async fn look_up(&mut self, messages: Vec<Message>, found: &[InTheWay], deadline: Deadline) -> Option<Failure> {
        let by_clients = messages.iter().filter(|message| message.own_key().is_none()).count();
        let (found, parts): (Vec<_>, Vec<_>) = found.iter().partition(|one| one.place < by_clients);
        if !parts.is_empty() {
            self.buckets.forget(&messages);
        }
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

/// Cut into transactions. The messages are in the order in which they were received, so those of a bucket are neighbours.
fn chunks(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut chunks: Vec<Vec<Message>> = Vec::new();
    let (mut size, mut ledger_items, mut bucket) = (0, 0, None);
    for message in messages {
        let own_size: usize = message.logs().iter().map(|log| log.device_id().as_str().len() + LOG_OVERHEAD).sum();
        let own_bucket = message.own_key().map(|_| message.received_at());
        let is_item = own_bucket.is_none() || own_bucket != bucket;
        let fits = size + own_size <= MAX_BYTES && ledger_items + usize::from(is_item) <= MAX_LEDGER_ITEMS;
        match chunks.last_mut() {
            Some(chunk) if fits => {
                size += own_size;
                ledger_items += usize::from(is_item);
                chunk.push(message);
            }
            _ => {
                (size, ledger_items, bucket) = (own_size, 1, None);
                chunks.push(vec![message]);
            }
        }
        bucket = own_bucket.or(bucket);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(version: u8, received_at: usize, device_id: &str) -> Message {
        let key = crate::IdempotencyKey::unique(Duration::from_secs(7));
        let key = key.as_str();
        let body = format!(
            r#"{{"version":{version},"key":"{key}","received_at":{received_at},"logs":[["{device_id}",1,1]]}}"#
        );
        Message::decode(String::new(), &body).unwrap()
    }

    fn sizes(messages: impl Iterator<Item = Message>) -> Vec<usize> {
        chunks(messages.collect()).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_transaction_has_ninety_keys_of_clients_or_buckets_and_a_mebibyte_of_logs() {
        assert_eq!(sizes((0..200).map(|_| message(1, 7, "a"))), [90, 90, 20]);
        assert_eq!(sizes((0..1_000).map(|_| message(2, 7, "a"))), [1_000]);
        assert_eq!(sizes((0..300).map(|number| message(2, number / 2, "a"))), [180, 120]);
        // Of each second one of either kind.
        let mixed = (0..200).map(|number| message(if number % 2 == 0 { 1 } else { 2 }, number / 2, "a"));
        assert_eq!(sizes(mixed), [90, 90, 20]);
        let long = "x".repeat(255);
        assert_eq!(sizes((0..4_000).map(|_| message(2, 7, &long))), [3_679, 321]);
    }
}
