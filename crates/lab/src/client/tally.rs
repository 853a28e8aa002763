//! Counts the answers while the clients run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// At most this many errors are shown; all are counted.
const SHOWN: usize = 10;

/// Shared by all clients.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// Counts of requests by their outcome.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// All answers, by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Answers that break the contract or do not fit the measurement.
    pub(crate) errors: u64,
    /// The first few of these.
    pub(crate) errors_shown: Vec<String>,
    /// The connection to the gateway broke or failed.
    #[serde(skip)]
    pub(crate) broken: u64,
    /// The client hung up.
    #[serde(skip)]
    pub(crate) hung_up: u64,
}

impl Tally {
    pub(crate) fn answered(&self, status: u16) {
        *self.counts().statuses.entry(status).or_default() += 1;
    }

    pub(crate) fn broken(&self) {
        self.counts().broken += 1;
    }

    pub(crate) fn hung_up(&self) {
        self.counts().hung_up += 1;
    }

    pub(crate) fn error(&self, what: String) {
        let mut counts = self.counts();
        counts.errors += 1;
        if counts.errors_shown.len() < SHOWN {
            counts.errors_shown.push(what);
        }
    }

    pub(crate) fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The number of accepted batches.
    pub(crate) fn accepted(&self) -> u64 {
        [200, 202].iter().filter_map(|status| self.statuses.get(status)).sum()
    }
}
