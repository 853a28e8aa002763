//! An entry of the ledger, as it is copied from one store to another.

use crate::{Fingerprint, IdempotencyKey};

/// A batch that is stored under this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The client's name for the batch.
    pub key: IdempotencyKey,
    /// Of the stored batch.
    pub fingerprint: Fingerprint,
    /// Unix seconds; the ledger forgets the key some weeks after it.
    pub received_at: i64,
}
