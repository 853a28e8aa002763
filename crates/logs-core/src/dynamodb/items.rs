//! Every item of the table and its attributes; the tables are in `mod.rs`.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use super::packing::{self, Entry, Unpacked, Unreadable};
#[cfg(feature = "migrate")]
use crate::StoreIdentity;
use crate::domain::RandomPart;
use crate::{Fingerprint, IdempotencyKey, NewBatch, ranked_at};

/// An item as DynamoDB takes and gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const AS_OF: &str = "as_of";
pub(super) const SHARDS: &str = "shards";
pub(super) const NEXT_ID: &str = "next_id";

const LOGS: &str = "logs";
const KEYS: &str = "keys";
#[cfg(feature = "migrate")]
const IDENTITY: &str = "identity";
const FINGERPRINT: &str = "fingerprint";
const STORED_BY: &str = "stored_by";
const RECEIVED_AT: &str = "received_at";
const EXPIRES_AT: &str = "expires_at";

/// The sort key of a head: after every digit.
const HEAD: &str = "~";

/// A random number of one request. A ledger item that has it is this request's own.
pub(super) type RequestNumber = [u8; 16];

pub(super) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

pub(super) fn shard_key(shard: u16) -> String {
    format!("shard#{shard}")
}

fn key(pk: String, sk: String) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}

fn with(mut item: Item, name: &str, value: AttributeValue) -> Item {
    item.insert(name.to_owned(), value);
    item
}

fn expiring(item: Item, at: Option<i64>) -> Item {
    match at {
        Some(at) => with(item, EXPIRES_AT, number(at)),
        None => item,
    }
}

fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

fn bytes_of<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    Some(item.get(name)?.as_b().ok()?.as_ref())
}

/// The key of a shard's head.
pub(super) fn head_key(shard: u16) -> Item {
    key(shard_key(shard), HEAD.to_owned())
}

pub(super) fn is_head(item: &Item) -> bool {
    item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == HEAD)
}

/// `newest` is the most recent of the logs.
pub(super) fn shard_item(shard: u16, newest: Entry<'_>, packed: Vec<u8>, expires_at: Option<i64>) -> Item {
    let rank = ranked_at(newest.timestamp, newest.received_at);
    let item = key(shard_key(shard), format!("{rank:012}#{:016}", newest.id));
    expiring(with(item, LOGS, bytes(packed)), expires_at)
}

pub(super) fn batch_item(first_id: u64, part: usize, packed: Vec<u8>, expires_at: Option<i64>) -> Item {
    let item = key(format!("batch#{first_id:016}"), format!("{part:04}"));
    expiring(with(item, LOGS, bytes(packed)), expires_at)
}

/// The logs of a shard item or a batch item.
pub(super) fn logs_of(item: &Item) -> Result<Unpacked, Unreadable> {
    packing::unpack(bytes_of(item, LOGS).ok_or(Unreadable)?)
}

/// A number in an item; `None` where there is none.
pub(super) fn number_of<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn ledger_key(batch_key: &str) -> Item {
    key(format!("key#{batch_key}"), "ledger".to_owned())
}

pub(super) fn ledger_item(batch: &NewBatch<'_>, request: &RequestNumber, expires_at: i64) -> Item {
    ledger_item_of(batch.key, batch.fingerprint, batch.received_at, request, expires_at)
}

pub(super) fn ledger_item_of(
    key: &IdempotencyKey,
    fingerprint: Fingerprint,
    received_at: i64,
    request: &RequestNumber,
    expires_at: i64,
) -> Item {
    let item = ledger_key(key.as_str());
    let item = with(item, FINGERPRINT, bytes(fingerprint.as_bytes()));
    let item = with(item, STORED_BY, bytes(&request[..]));
    expiring(with(item, RECEIVED_AT, number(received_at)), Some(expires_at))
}

/// A part of a bucket of the ledger.
pub(super) struct BucketPart {
    pub(super) number: u32,
    /// Of the messages whose logs were stored with it.
    pub(super) keys: Vec<RandomPart>,
    pub(super) stored_by: RequestNumber,
}

/// Where the parts of a bucket are.
pub(super) fn bucket_name(second: i64) -> String {
    format!("bucket#{second:012}")
}

pub(super) fn bucket_item(second: i64, part: &BucketPart, expires_at: i64) -> Item {
    let item = key(bucket_name(second), format!("{:06}", part.number));
    let item = with(item, KEYS, bytes(part.keys.concat()));
    expiring(with(item, STORED_BY, bytes(&part.stored_by[..])), Some(expires_at))
}

impl BucketPart {
    /// Reads what [`bucket_item`] made.
    pub(super) fn of(item: &Item) -> Option<Self> {
        let (keys, rest) = bytes_of(item, KEYS)?.as_chunks();
        Some(Self {
            number: item.get("sk")?.as_s().ok()?.parse().ok()?,
            keys: rest.is_empty().then(|| keys.to_vec())?,
            stored_by: bytes_of(item, STORED_BY)?.try_into().ok()?,
        })
    }
}

/// What a ledger item says; `None` of other items.
#[cfg(feature = "migrate")]
pub(super) fn ledger_of(item: &Item) -> Option<crate::LedgerEntry> {
    let key = item.get("pk")?.as_s().ok()?.strip_prefix("key#")?;
    Some(crate::LedgerEntry {
        key: IdempotencyKey::parse(key).ok()?,
        fingerprint: Fingerprint::from_bytes(bytes_of(item, FINGERPRINT)?)?,
        received_at: number_of(item, RECEIVED_AT)?,
    })
}

/// The note of what was copied of a window of ids.
#[cfg(feature = "migrate")]
pub(super) fn window_key(source: StoreIdentity, window: u64) -> Item {
    key(format!("copy#{source}#{window}"), "window".to_owned())
}

/// Where the table's identity is.
#[cfg(feature = "migrate")]
pub(super) fn identity_key() -> Item {
    key("identity".to_owned(), "identity".to_owned())
}

#[cfg(feature = "migrate")]
pub(super) fn identity_item(identity: StoreIdentity) -> Item {
    with(identity_key(), IDENTITY, bytes(identity.as_bytes()))
}

/// Notes in an item with logs which store they were copied from.
#[cfg(feature = "migrate")]
pub(super) fn copied_from(item: Item, source: StoreIdentity) -> Item {
    with(item, IDENTITY, bytes(source.as_bytes()))
}

/// The identity that an item has: the table's own, or that of the store its logs were copied from.
#[cfg(feature = "migrate")]
pub(super) fn identity_of(item: &Item) -> Option<StoreIdentity> {
    StoreIdentity::from_bytes(bytes_of(item, IDENTITY)?)
}

/// What a ledger item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    /// The same batch, stored by this request.
    Own,
    /// The same batch, stored by another request.
    Same,
    /// Another batch.
    Other,
}

pub(super) fn compare(ledger: &Item, fingerprint: Fingerprint, request: &RequestNumber) -> Earlier {
    let is = |name: &str, bytes: &[u8]| bytes_of(ledger, name) == Some(bytes);
    match (is(FINGERPRINT, fingerprint.as_bytes()), is(STORED_BY, request)) {
        (false, _) => Earlier::Other,
        (true, true) => Earlier::Own,
        (true, false) => Earlier::Same,
    }
}
