//! A batch on its way through the queue.

use super::RandomPart;
use crate::{Fingerprint, IdempotencyKey, MAX_RECORDS, NewBatch, NewLog, Timestamp};

/// A message of the queue: one batch with at least one log.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    id: String,
    key: IdempotencyKey,
    own_key: Option<RandomPart>,
    fingerprint: Fingerprint,
    received_at: i64,
    logs: Vec<NewLog>,
}

/// Who chose the key of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrigin {
    /// The client: it may send the batch again, at any time and as another message.
    Client,
    /// post-log: only the queue delivers the batch again, as the same message.
    PostLog,
}

impl Message {
    /// `received_at` is in Unix seconds. `fingerprint`: `None` stands for that of the logs.
    ///
    /// # Errors
    /// The name of the value that is not valid in a batch.
    pub(crate) fn new(
        id: String,
        key: IdempotencyKey,
        origin: KeyOrigin,
        fingerprint: Option<Fingerprint>,
        received_at: i64,
        logs: Vec<NewLog>,
    ) -> Result<Self, &'static str> {
        if !(0..=Timestamp::MAX).contains(&received_at) {
            return Err("received_at");
        }
        if !(1..=MAX_RECORDS).contains(&logs.len()) {
            return Err("logs");
        }
        let own_key = match origin {
            KeyOrigin::Client => None,
            KeyOrigin::PostLog => Some(key.random_part().ok_or("key")?),
        };
        let fingerprint = fingerprint.unwrap_or_else(|| Fingerprint::of_parts(&logs, &[]));
        Ok(Self { id, key, own_key, fingerprint, received_at, logs })
    }

    /// The id by which the queue knows this delivery.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The batch's key: the client's, or one that post-log generated.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The random part of a key that post-log made; `None` where the client chose the key.
    pub(crate) fn own_key(&self) -> Option<RandomPart> {
        self.own_key
    }

    /// When post-log received the batch, in Unix seconds.
    pub fn received_at(&self) -> i64 {
        self.received_at
    }

    /// The valid records, in the order in which they were sent.
    pub fn logs(&self) -> &[NewLog] {
        &self.logs
    }

    /// The batch that the message carries.
    pub fn batch(&self) -> NewBatch<'_> {
        let Self { key, fingerprint, received_at, logs, .. } = self;
        NewBatch { key, fingerprint: *fingerprint, logs, received_at: *received_at }
    }
}
