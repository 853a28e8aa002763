//! The records that a device sends in one request.

use crate::{Fingerprint, IdempotencyKey, NewLog, RecordError};

/// The maximum number of records in a batch.
pub const MAX_RECORDS: usize = 1000;

/// The valid and the rejected records of one request. At least one is valid.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    logs: Vec<NewLog>,
    rejected: usize,
    errors: Vec<RecordError>,
}

impl Batch {
    /// Sorts records into valid and rejected ones.
    ///
    /// # Errors
    /// All errors of all records, if none is valid.
    pub(crate) fn new(
        records: impl IntoIterator<Item = Result<NewLog, Vec<RecordError>>>,
    ) -> Result<Self, Vec<RecordError>> {
        let mut batch = Self { logs: Vec::new(), rejected: 0, errors: Vec::new() };
        for record in records {
            match record {
                Ok(log) => batch.logs.push(log),
                Err(errors) => {
                    batch.rejected += 1;
                    batch.errors.extend(errors);
                }
            }
        }
        if batch.logs.is_empty() { Err(batch.errors) } else { Ok(batch) }
    }

    /// The valid records, in the order in which they were sent.
    pub fn logs(&self) -> &[NewLog] {
        &self.logs
    }

    /// The number of rejected records.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// All errors of the rejected records, in order. A record may have several.
    pub fn errors(&self) -> &[RecordError] {
        &self.errors
    }
}

/// A batch under an idempotency key, about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewBatch<'a> {
    pub(crate) key: &'a IdempotencyKey,
    /// Distinguishes this batch from another one under the same key.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) logs: &'a [NewLog],
    /// Unix seconds.
    pub(crate) received_at: i64,
}

impl<'a> NewBatch<'a> {
    /// `received_at` is in Unix seconds.
    pub fn new(key: &'a IdempotencyKey, batch: &'a Batch, received_at: i64) -> Self {
        Self { key, fingerprint: Fingerprint::of(batch), logs: &batch.logs, received_at }
    }
}
