//! Copying from and to another store, for operators' tools: what is copied is noted in the transaction that copies it.
//!
//! Logs of a database go in windows of [`WINDOW`] ids. The item `copy#`, source, `#`, window has a bit for each log that is
//! copied, so a run finds what earlier ones left out, also a log that was committed late. It never expires. An item with copied
//! logs has the source's identity, so they are not copied back.

use std::collections::HashSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use uuid::Uuid;

use super::error::{Failure, TableError};
use super::items::{
    BucketPart, Item, copied_from, identity_item, identity_key, identity_of, ledger_item_of, ledger_key, ledger_of,
    window_key,
};
use super::operate::{Position, failed, whole};
use super::packing::Entry;
use super::store::{DynamoStore, not_begun};
use super::table::NewItem;
use crate::{Deadline, LedgerEntry, Log, StoreError, StoreIdentity};

/// How many ids a window has: one transaction, and a bitmap of 125 bytes.
pub const WINDOW: u64 = 1_000;

const BITMAP: usize = 125;

/// A transaction has 100 items at most.
const LEDGER_ITEMS: usize = 90;

const COPIED: &str = "copied";

/// What an item of the table holds, to be copied elsewhere.
#[derive(Debug)]
pub enum Copied {
    /// Logs that were stored together.
    Logs {
        /// No other item of the table has it, and it never changes.
        name: String,
        /// The store that they were copied from.
        source: Option<StoreIdentity>,
        /// The logs.
        logs: Vec<Log>,
    },
    /// An entry of the ledger.
    Ledger(LedgerEntry),
    /// Messages without a client's key that are stored: a name for each. They are of no use elsewhere.
    Messages(Vec<String>),
}

impl DynamoStore {
    /// The table's identity; it gets one if it has none.
    ///
    /// # Errors
    /// The table does not do it in time.
    pub async fn identity(&self, deadline: Deadline) -> Result<StoreIdentity, StoreError> {
        loop {
            let item = self.table.get(identity_key(), deadline).await?;
            if let Some(identity) = item.as_ref().and_then(identity_of) {
                return Ok(identity);
            }
            let new = NewItem::PutNew(identity_item(StoreIdentity::random()));
            match self.table.put_all(vec![new], deadline).await {
                // Another run was first: its identity counts.
                Ok(()) | Err(Failure { error: TableError::Condition(_), .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Copies those logs of a window that no run has copied before; returns how many they are.
    ///
    /// # Errors
    /// The table does not do it in time. Running it again is safe.
    pub async fn copy_window(
        &self,
        source: StoreIdentity,
        window: u64,
        logs: &[Log],
        deadline: Deadline,
    ) -> Result<usize, StoreError> {
        let key = window_key(source, window);
        let mut stored = 0;
        loop {
            let item = self.table.get(key.clone(), deadline).await?;
            let before = item.as_ref().and_then(bitmap_of);
            let mut bitmap = before.clone().unwrap_or_else(|| vec![0; BITMAP]);
            let new: Vec<&Log> = logs.iter().filter(|log| set(&mut bitmap, log.error_log_id())).collect();
            let Some(newest) = new.iter().map(|log| log.received_at()).max() else {
                return Ok(stored);
            };
            let entries = new.iter().map(|log| entry(log)).collect();
            let items = self.writer.items_of(&self.table, &self.settings, entries, deadline).await;
            let mut noted = key.clone();
            noted.insert(COPIED.to_owned(), AttributeValue::B(Blob::new(bitmap)));
            let noted = match before {
                Some(before) => NewItem::Replace(noted, COPIED, AttributeValue::B(Blob::new(before))),
                None => NewItem::PutNew(noted),
            };
            let items = items.map_err(not_begun)?.into_iter().map(|item| match item {
                NewItem::Put(item) => NewItem::Put(copied_from(item, source)),
                other => other,
            });
            let items = std::iter::once(noted).chain(items).collect();
            match self.table.put_all(items, deadline).await {
                Ok(()) => stored += new.len(),
                // An earlier try whose answer was lost, or another run: the next turn finds what it noted.
                Err(Failure { error: TableError::Condition(_), .. }) => continue,
                Err(failure) => return Err(failure.into()),
            }
            self.writer.stored(&self.table, self.settings.shards, newest, deadline).await;
        }
    }

    /// How many of these logs are copied.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn count_copied(
        &self,
        source: StoreIdentity,
        window: u64,
        ids: &[u64],
        deadline: Deadline,
    ) -> Result<usize, StoreError> {
        let item = self.table.get(window_key(source, window), deadline).await?;
        let Some(mut bitmap) = item.as_ref().and_then(bitmap_of) else { return Ok(0) };
        Ok(ids.iter().filter(|id| !set(&mut bitmap, **id)).count())
    }

    /// Enters those keys that the ledger does not have; returns how many they are.
    ///
    /// # Errors
    /// The table does not do it in time. Running it again is safe.
    pub async fn copy_ledger(&self, entries: &[LedgerEntry], deadline: Deadline) -> Result<usize, StoreError> {
        let mut stored = 0;
        for entries in entries.chunks(LEDGER_ITEMS) {
            loop {
                let known = self.known(entries).await?;
                let request = Uuid::new_v4().into_bytes();
                let new = entries.iter().filter(|entry| !known.contains(entry.key.as_str()));
                let new: Vec<_> = new
                    .map(|entry| {
                        let expires_at = self.settings.ledger_expires_at(entry.received_at);
                        NewItem::PutNew(ledger_item_of(
                            &entry.key,
                            entry.fingerprint,
                            entry.received_at,
                            &request,
                            expires_at,
                        ))
                    })
                    .collect();
                let count = new.len();
                match self.table.put_all(new, deadline).await {
                    Ok(()) => stored += count,
                    Err(Failure { error: TableError::Condition(_), .. }) => continue,
                    Err(failure) => return Err(failure.into()),
                }
                break;
            }
        }
        Ok(stored)
    }

    /// Which of these keys the ledger has.
    async fn known(&self, entries: &[LedgerEntry]) -> Result<HashSet<String>, StoreError> {
        let (client, name) = self.table.client();
        let keys = entries.iter().map(|entry| ledger_key(entry.key.as_str())).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).projection_expression("pk");
        let mut rest = Some([(name.to_owned(), keys.build().map_err(|error| failed(&error))?)].into());
        let mut known = HashSet::new();
        while let Some(request) = rest.take().filter(|rest: &std::collections::HashMap<_, _>| !rest.is_empty()) {
            let output = client.batch_get_item().set_request_items(Some(request)).send().await;
            let output = output.map_err(|error| failed(&error))?;
            for item in output.responses().and_then(|all| all.get(name)).into_iter().flatten() {
                let pk = item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| pk.strip_prefix("key#"));
                known.extend(pk.map(str::to_owned));
            }
            rest = output.unprocessed_keys;
        }
        Ok(known)
    }

    /// What one page of a scan has to copy, and where the next page begins.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn page_to_copy(&self, after: Option<Position>) -> Result<(Vec<Copied>, Option<Position>), StoreError> {
        let (client, name) = self.table.client();
        let scan = client.scan().table_name(name).consistent_read(true).set_exclusive_start_key(after);
        let output = scan.send().await.map_err(|error| failed(&error))?;
        let mut all = Vec::new();
        for item in output.items() {
            if let Some(entry) = ledger_of(item) {
                all.push(Copied::Ledger(entry));
            }
            if let Some(part) = BucketPart::of(item) {
                all.push(Copied::Messages(part.keys.iter().map(hex::encode).collect()));
            }
            let logs = whole(item)?;
            if !logs.is_empty() {
                let part = |name: &str| item.get(name).and_then(|part| part.as_s().ok()).cloned().unwrap_or_default();
                let name = format!("{}/{}", part("pk"), part("sk"));
                all.push(Copied::Logs { name, source: identity_of(item), logs });
            }
        }
        Ok((all, output.last_evaluated_key))
    }
}

fn bitmap_of(item: &Item) -> Option<Vec<u8>> {
    Some(item.get(COPIED)?.as_b().ok()?.clone().into_inner())
}

/// Sets the bit of an id; returns whether it was not set before.
fn set(bitmap: &mut [u8], id: u64) -> bool {
    let place = usize::try_from(id % WINDOW).unwrap_or_default();
    let Some(byte) = bitmap.get_mut(place / 8) else { return false };
    let bit = 1 << (place % 8);
    let is_new = *byte & bit == 0;
    *byte |= bit;
    is_new
}

/// The id is given later.
fn entry(log: &Log) -> Entry<'_> {
    Entry {
        id: 0,
        device_id: log.device_id(),
        error_code: log.error_code(),
        timestamp: log.timestamp(),
        received_at: log.received_at(),
    }
}
