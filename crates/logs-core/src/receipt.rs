//! What a device learns about its batch.

use serde::Serialize;

use crate::{Batch, Fault};

/// The most faults that an answer lists; `rejected` counts all records.
pub const MAX_LISTED_FAULTS: usize = 100;

/// The answer to a POST of which at least one record was accepted. Rejected records must not be sent again.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Receipt<'a> {
    /// Records stored.
    pub accepted: usize,
    /// Records not stored, and why is in `errors`.
    pub rejected: usize,
    /// Whether an earlier request with the same key stored this batch.
    pub duplicate: bool,
    /// The first [`MAX_LISTED_FAULTS`] faults.
    pub errors: &'a [Fault],
    /// Names this request in the operator's log.
    pub request_id: &'a str,
}

impl<'a> Receipt<'a> {
    /// The receipt for a batch that was stored now.
    #[must_use]
    pub fn stored(batch: &'a Batch, request_id: &'a str) -> Self {
        Self {
            accepted: batch.logs.len(),
            rejected: batch.rejected,
            duplicate: false,
            errors: listed(&batch.faults),
            request_id,
        }
    }
}

/// As many faults as an answer lists.
#[must_use]
pub fn listed(faults: &[Fault]) -> &[Fault] {
    &faults[..faults.len().min(MAX_LISTED_FAULTS)]
}
