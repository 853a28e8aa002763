//! Compares what the clients expect with the tables: acknowledged codes are stored, and codes with a key only once.

use std::collections::HashSet;

use serde::Serialize;

use crate::chaos::batch::Batch;
use crate::chaos::client::{Outcome, Settled};
use crate::codes::Code;
use crate::error::LabError;
use crate::figures::whole;
use crate::testbed::{Ledger, Stored};

/// Counts codes, except where a name says batches or rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) acknowledged_with_key: u64,
    pub(crate) acknowledged_without_key: u64,
    /// Batches refused because their key was used, as they must be.
    pub(crate) refused_batches: u64,
    /// Batches with an unknown outcome.
    pub(crate) open_batches: u64,
    /// Stored more than once, which is allowed without a key.
    pub(crate) doubled_without_key: u64,
    pub(crate) breaches: Breaches,
}

/// Each must be 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Breaches {
    /// Acknowledged, but not stored.
    missing: u64,
    doubled_with_key: u64,
    /// Stored more often than they were sent.
    more_often_than_sent: u64,
    refused_and_stored: u64,
    /// Batches stored in part, or with parts stored more often than others.
    torn_batches: u64,
    /// Rows that no client sent.
    foreign_rows: u64,
    /// Rows whose id another row has.
    doubled_ids: u64,
    /// Batches whose ledger row is missing, wrong or superfluous.
    ledger_differs: u64,
}

/// How often each record is stored, by client, batch and index.
type Copies = Vec<Vec<Vec<u32>>>;

/// Reads and compares everything. `expected` holds each client's batches, in order.
pub(crate) async fn count(stored: &mut Stored, expected: &[Vec<Settled>], queued: bool) -> Result<Count, LabError> {
    let none_yet = |settled: &Vec<Settled>| settled.iter().map(|settled| vec![0; settled.batch.size]).collect();
    let mut copies: Copies = expected.iter().map(none_yet).collect();
    let (mut foreign_rows, mut doubled_ids, mut ids) = (0, 0, HashSet::new());
    let ledger = stored.read(|id, code| {
        doubled_ids += u64::from(!ids.insert(id));
        match find(&mut copies, expected, &code) {
            Some(copies) => *copies += 1,
            None => foreign_rows += 1,
        }
    });
    let ledger = ledger.await?;
    let mut count = compare(expected, &copies, ledger, queued);
    count.breaches.foreign_rows += foreign_rows;
    count.breaches.doubled_ids += doubled_ids;
    Ok(count)
}

/// The counter of a record, if a client sent exactly this one.
fn find<'a>(copies: &'a mut Copies, expected: &[Vec<Settled>], code: &Code) -> Option<&'a mut u32> {
    let (client, number, index) = Batch::place(&code.device_id)?;
    let settled = expected.get(client)?.get(number)?;
    if settled.batch.record(index) != *code {
        return None;
    }
    copies.get_mut(client)?.get_mut(number)?.get_mut(index)
}

fn compare(expected: &[Vec<Settled>], copies: &Copies, mut ledger: Ledger, queued: bool) -> Count {
    let mut count = Count::default();
    let mut without_key = 0;
    for (settled, copies) in expected.iter().flatten().zip(copies.iter().flatten()) {
        count.add(settled, copies);
        let is_stored = copies.iter().any(|copies| *copies > 0);
        let (Some(key), true) = (&settled.batch.key, settled.outcome != Outcome::Refused) else {
            without_key += copies[0];
            continue;
        };
        let is_right = match ledger.remove(key) {
            Some(codes) => is_stored && codes.is_none_or(|codes| whole(codes) == whole(settled.batch.size)),
            None => !is_stored,
        };
        count.breaches.ledger_differs += u64::from(!is_right);
    }
    // In queued mode post-log makes up a key for each request without one.
    let made_up = if queued { u64::from(without_key) } else { 0 };
    count.breaches.ledger_differs += whole(ledger.len()).abs_diff(made_up);
    count
}

impl Count {
    fn add(&mut self, settled: &Settled, copies: &[u32]) {
        let codes = whole(settled.batch.size);
        let has_key = settled.batch.key.is_some();
        let more_than = |limit: u32| whole(copies.iter().filter(|copies| **copies > limit).count());
        let breaches = &mut self.breaches;
        match settled.outcome {
            Outcome::Acknowledged { .. } => {
                let acknowledged =
                    if has_key { &mut self.acknowledged_with_key } else { &mut self.acknowledged_without_key };
                *acknowledged += codes;
                breaches.missing += codes - more_than(0);
            }
            Outcome::Refused => {
                self.refused_batches += 1;
                breaches.refused_and_stored += more_than(0);
            }
            Outcome::Open => self.open_batches += 1,
        }
        *if has_key { &mut breaches.doubled_with_key } else { &mut self.doubled_without_key } += more_than(1);
        breaches.more_often_than_sent += more_than(settled.requests);
        breaches.torn_batches += u64::from(copies.iter().any(|other| *other != copies[0]));
    }
}

impl Breaches {
    /// The name and count of each.
    pub(crate) fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("acknowledged and missing", self.missing),
            ("with a key and doubled", self.doubled_with_key),
            ("stored more often than sent", self.more_often_than_sent),
            ("refused (422) and stored", self.refused_and_stored),
            ("batches stored in part", self.torn_batches),
            ("rows that nobody sent", self.foreign_rows),
            ("ids that two rows have", self.doubled_ids),
            ("batches whose row in the ledger is wrong", self.ledger_differs),
        ]
    }
}
