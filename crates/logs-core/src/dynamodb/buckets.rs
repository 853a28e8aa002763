//! The ledger of batches whose key post-log made: a bucket for each second in which messages were received.
//!
//! Such a key comes again only with its own message, which says when it was received. So the keys of all messages of one second
//! share few items, the parts of its bucket: one for each transaction that stores messages of that second. A transaction puts
//! the part after the last one, on condition that it is new. Whoever has not seen all parts finds that one taken, and reads
//! again. So no two transactions store the same message, however its deliveries are grouped and whatever is killed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::error::{Failure, TableError};
use super::items::{BucketPart, Item, RequestNumber, bucket_item, bucket_name};
use super::settings::TableSettings;
use super::table::{NewItem, Table};
use crate::domain::RandomPart;
use crate::{Deadline, InsertOutcome, Message};

/// At most so many buckets are read at once, each over a connection of its own.
const AT_ONCE: usize = 16;

/// The buckets as one request knows them.
pub(super) struct Buckets {
    request: RequestNumber,
    by_second: HashMap<i64, Bucket>,
}

#[derive(Default)]
struct Bucket {
    keys: HashMap<RandomPart, InsertOutcome>,
    next_part: u32,
}

impl Buckets {
    pub(super) fn new(request: RequestNumber) -> Self {
        Self { request, by_second: HashMap::new() }
    }

    /// Reads those buckets of these messages that are not known yet.
    pub(super) async fn read(
        &mut self,
        table: &Arc<Table>,
        messages: &[Message],
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let mut unknown: Vec<i64> = by_second(messages).into_keys().collect();
        unknown.retain(|second| !self.by_second.contains_key(second));
        for seconds in unknown.chunks(AT_ONCE) {
            let mut queries: JoinSet<_> = seconds
                .iter()
                .map(|&second| {
                    let table = Arc::clone(table);
                    async move { (second, table.partition(bucket_name(second), deadline).await) }
                })
                .collect();
            while let Some(query) = queries.join_next().await {
                let (second, parts) = query.map_err(|error| not_read(&error.to_string()))?;
                self.by_second.insert(second, self.bucket(&parts?)?);
            }
        }
        Ok(())
    }

    fn bucket(&self, parts: &[Item]) -> Result<Bucket, Failure> {
        let mut bucket = Bucket::default();
        for item in parts {
            let part = BucketPart::of(item).ok_or_else(|| not_read("this release does not know its form"))?;
            let is_own = part.stored_by == self.request;
            let outcome = if is_own { InsertOutcome::Inserted } else { InsertOutcome::AlreadyInserted };
            bucket.keys.extend(part.keys.into_iter().map(|key| (key, outcome)));
            bucket.next_part = bucket.next_part.max(part.number + 1);
        }
        Ok(bucket)
    }

    /// What the bucket of a message says of it: `None` if it is not stored, or if the client chose its key.
    pub(super) fn outcome(&self, message: &Message) -> Option<InsertOutcome> {
        self.by_second.get(&message.received_at())?.keys.get(&message.own_key()?).copied()
    }

    /// The next part of each bucket that these messages belong to.
    pub(super) fn next_parts(&self, messages: &[Message], settings: &TableSettings) -> Vec<NewItem> {
        let part = |(second, keys): (i64, Vec<RandomPart>)| {
            let number = self.by_second.get(&second).map_or(0, |bucket| bucket.next_part);
            let part = BucketPart { number, keys, stored_by: self.request };
            NewItem::PutNew(bucket_item(second, &part, settings.ledger_expires_at(second)))
        };
        by_second(messages).into_iter().map(part).collect()
    }

    /// Notes that this request has put the next parts for these messages.
    pub(super) fn add(&mut self, messages: &[Message]) {
        for (second, keys) in by_second(messages) {
            let bucket = self.by_second.entry(second).or_default();
            bucket.keys.extend(keys.into_iter().map(|key| (key, InsertOutcome::Inserted)));
            bucket.next_part += 1;
        }
    }

    /// Forgets the buckets of these messages: somebody else has put a part.
    pub(super) fn forget(&mut self, messages: &[Message]) {
        for second in by_second(messages).into_keys() {
            self.by_second.remove(&second);
        }
    }
}

/// The keys that post-log made, by bucket.
fn by_second(messages: &[Message]) -> BTreeMap<i64, Vec<RandomPart>> {
    let mut keys: BTreeMap<i64, Vec<RandomPart>> = BTreeMap::new();
    for message in messages {
        if let Some(key) = message.own_key() {
            keys.entry(message.received_at()).or_default().push(key);
        }
    }
    keys
}

fn not_read(reason: &str) -> Failure {
    let error = TableError::Refused(format!("the ledger's bucket cannot be read: {reason}"));
    Failure { error, ambiguous: false }
}
