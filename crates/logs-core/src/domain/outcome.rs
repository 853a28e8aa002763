//! The outcomes of storing batches and messages.

use crate::{Message, StoreError};

/// The outcome of storing a batch under an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    /// This request stored the batch.
    Inserted,
    /// An earlier request stored it. Nothing was done.
    AlreadyInserted,
    /// An earlier request stored another batch under this key. Nothing was done.
    KeyConflict,
    /// Another request seems to be storing a batch under this key. Nothing was done. A lock on the whole table, as for a
    /// backup, looks the same.
    KeyInFlight,
}

/// The outcome of storing a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// The batch is stored, or its key is taken.
    Settled(InsertOutcome),
    /// The store refuses this message in particular. Holds the reason, for the operator.
    Refused(String),
    /// The time ran out, or the store was unreachable. When the message is delivered again, the ledger tells whether it is
    /// stored.
    NotStored,
}

/// The outcomes of many messages.
#[derive(Debug, Default)]
pub struct MessageReport {
    /// Each message with its outcome, in any order.
    pub outcomes: Vec<(Message, MessageOutcome)>,
    /// The number of logs that were stored.
    pub logs: usize,
    /// The number of statements that stored them, not counting those of the ledger.
    pub statements: usize,
    /// Why some messages are [`MessageOutcome::NotStored`].
    pub error: Option<StoreError>,
}
