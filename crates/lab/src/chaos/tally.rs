//! What the clients were answered, counted while they run.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// So many wrong answers are shown; all are counted.
const SHOWN: usize = 10;

/// Shared by all clients.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// How often what happened to a request.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    /// Answers by status, right or wrong.
    pub(crate) answers: BTreeMap<u16, u64>,
    /// The connection to the gateway broke, or could not be made.
    pub(crate) broken: u64,
    /// The client hung up.
    pub(crate) hung_up: u64,
    /// Answers that are none of the contract, and none at all in the 40 s that a device waits.
    pub(crate) wrong: u64,
    /// The first of these.
    pub(crate) wrong_shown: Vec<String>,
}

impl Tally {
    pub(crate) fn answer(&self, status: u16) {
        *self.counts().answers.entry(status).or_default() += 1;
    }

    pub(crate) fn broken(&self) {
        self.counts().broken += 1;
    }

    pub(crate) fn hung_up(&self) {
        self.counts().hung_up += 1;
    }

    pub(crate) fn wrong(&self, what: String) {
        let mut counts = self.counts();
        counts.wrong += 1;
        if counts.wrong_shown.len() < SHOWN {
            counts.wrong_shown.push(what);
        }
    }

    /// So far.
    pub(crate) fn so_far(&self) -> Counts {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
