//! What the clients expect, against the tables: what was acknowledged is there, what has a key is there once.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use sqlx::MySqlConnection;
use tokio::time::{Instant, sleep};

use crate::chaos::batch::Batch;
use crate::chaos::client::{Outcome, Sent};
use crate::chaos::inject::connection_ids;
use crate::error::LabError;

/// How long a statement of a function that is gone may still be at work.
const QUIET_LIMIT: Duration = Duration::from_secs(30);

/// In codes, unless it says batches or rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    /// Acknowledged, with a key and without.
    pub(crate) acknowledged_with_key: u64,
    pub(crate) acknowledged_without_key: u64,
    /// Batches that were refused, as they had to be: their key was used.
    pub(crate) refused_batches: u64,
    /// Batches that nobody knows about: the time was over.
    pub(crate) open_batches: u64,
    /// Stored more than once, as it may happen without a key.
    pub(crate) doubled_without_key: u64,
    /// Must be 0.
    pub(crate) breaches: Breaches,
}

/// Each must be 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Breaches {
    /// Acknowledged, and not there.
    pub(crate) missing: u64,
    /// With a key, and there again.
    pub(crate) doubled_with_key: u64,
    /// Without a key, and there more often than it was sent.
    pub(crate) more_often_than_sent: u64,
    /// Refused, and there.
    pub(crate) refused_and_stored: u64,
    /// Batches of which a part is there, or a part more often.
    pub(crate) torn_batches: u64,
    /// Rows that nobody sent like this.
    pub(crate) foreign_rows: u64,
    /// Batches whose row in the ledger is missing, wrong or too much.
    pub(crate) ledger_differs: u64,
}

/// How often each record of each batch is there: client, batch, index.
pub(crate) type Copies = Vec<Vec<Vec<u32>>>;

/// Waits until no connection of the functions is left: what they sent last has happened or not.
pub(crate) async fn wait_until_quiet(administrator: &mut MySqlConnection) -> Result<(), LabError> {
    let started = Instant::now();
    while !connection_ids(administrator).await?.is_empty() {
        if started.elapsed() > QUIET_LIMIT {
            return Err(LabError::NeverQuiet);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Reads both tables and compares. `expected` are the clients' batches, in order.
pub(crate) async fn count(
    administrator: &mut MySqlConnection,
    expected: &[Vec<Sent>],
    queued: bool,
) -> Result<Count, LabError> {
    let mut copies = none_yet(expected);
    let mut foreign_rows = 0;
    let mut place = 0;
    loop {
        // In steps: all at once would be too much for the memory when it is millions.
        let sql = "SELECT error_log_id, device_id, error_number, time_stamp FROM Logs WHERE error_log_id > ? \
             ORDER BY error_log_id LIMIT 20000";
        let rows: Vec<(u64, String, i32, i64)> = sqlx::query_as(sql).bind(place).fetch_all(&mut *administrator).await?;
        let Some(last) = rows.last() else { break };
        place = last.0;
        for (_, device, err, timestamp) in rows {
            match find(&mut copies, expected, &(device, err, timestamp)) {
                Some(copies) => *copies += 1,
                None => foreign_rows += 1,
            }
        }
    }
    let sql = "SELECT CAST(batch_key AS CHAR), accepted FROM Batches";
    let ledger: Vec<(String, u32)> = sqlx::query_as(sql).fetch_all(administrator).await?;
    let mut count = compare(expected, &copies, ledger.into_iter().collect(), queued);
    count.breaches.foreign_rows += foreign_rows;
    Ok(count)
}

fn none_yet(expected: &[Vec<Sent>]) -> Copies {
    expected.iter().map(|sent| sent.iter().map(|sent| vec![0; sent.batch.size]).collect()).collect()
}

/// The counter of a record, if it was sent just like this.
fn find<'a>(copies: &'a mut Copies, expected: &[Vec<Sent>], record: &(String, i32, i64)) -> Option<&'a mut u32> {
    let (client, number, index) = Batch::place(&record.0)?;
    let sent = expected.get(client)?.get(number)?;
    if sent.batch.record(index) != *record {
        return None;
    }
    copies.get_mut(client)?.get_mut(number)?.get_mut(index)
}

fn compare(expected: &[Vec<Sent>], copies: &Copies, mut ledger: HashMap<String, u32>, queued: bool) -> Count {
    let mut count = Count::default();
    let mut without_key = 0;
    for (sent, copies) in expected.iter().flatten().zip(copies.iter().flatten()) {
        count.add(sent, copies);
        let is_stored = copies.iter().any(|copies| *copies > 0);
        let (Some(key), true) = (&sent.batch.key, sent.outcome != Outcome::Refused) else {
            without_key += copies[0];
            continue;
        };
        let in_ledger = if is_stored { u32::try_from(sent.batch.size).ok() } else { None };
        if ledger.remove(key) != in_ledger {
            count.breaches.ledger_differs += 1;
        }
    }
    // On its way through the queue a batch without a key gets one, another for each request.
    let made_up = if queued { u64::from(without_key) } else { 0 };
    count.breaches.ledger_differs += number(ledger.len()).abs_diff(made_up);
    count
}

impl Count {
    fn add(&mut self, sent: &Sent, copies: &[u32]) {
        let codes = number(sent.batch.size);
        let has_key = sent.batch.key.is_some();
        let is = |wanted: fn(u32) -> bool| number(copies.iter().filter(|copies| wanted(**copies)).count());
        match sent.outcome {
            Outcome::Acknowledged if has_key => self.acknowledged_with_key += codes,
            Outcome::Acknowledged => self.acknowledged_without_key += codes,
            Outcome::Refused => self.refused_batches += 1,
            Outcome::Open => self.open_batches += 1,
        }
        let breaches = &mut self.breaches;
        if sent.outcome == Outcome::Acknowledged {
            breaches.missing += is(|copies| copies == 0);
        }
        if sent.outcome == Outcome::Refused {
            breaches.refused_and_stored += is(|copies| copies > 0);
        }
        if has_key {
            breaches.doubled_with_key += is(|copies| copies > 1);
        } else {
            self.doubled_without_key += is(|copies| copies > 1);
        }
        breaches.more_often_than_sent += number(copies.iter().filter(|copies| **copies > sent.requests).count());
        breaches.torn_batches += u64::from(copies.iter().any(|other| *other != copies[0]));
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Breaches {
    /// What each is called, and how many there are.
    pub(crate) fn named(&self) -> [(&'static str, u64); 7] {
        [
            ("acknowledged and missing", self.missing),
            ("with a key and doubled", self.doubled_with_key),
            ("stored more often than sent", self.more_often_than_sent),
            ("refused (422) and stored", self.refused_and_stored),
            ("batches stored in part", self.torn_batches),
            ("rows that nobody sent", self.foreign_rows),
            ("batches whose row in the ledger is wrong", self.ledger_differs),
        ]
    }
}
