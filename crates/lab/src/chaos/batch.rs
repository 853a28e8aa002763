//! The batches of the clients. The seed alone determines which batches a client sends and how, but not when.

use std::time::Duration;

use fastrand::Rng;

use crate::codes::{self, Code};

/// The maximum number of records in a batch.
const MAX_SIZE: usize = 200;

/// The latest moment at which a client hangs up, as when a radio link drops.
const DROPS_WITHIN_MS: u64 = 40;

/// The longest pause between batches. It keeps two minutes at some hundred thousand rows instead of millions.
const PAUSE_MS: u64 = 150;

/// One batch. Each device name encodes client, batch and index; they determine the rest of the record.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) client: usize,
    pub(crate) number: usize,
    pub(crate) size: usize,
    pub(crate) key: Option<String>,
    pub(crate) manner: Manner,
    /// The pause before the next batch.
    pub(crate) pause: Duration,
}

/// How a batch is sent the first time. Retries are always plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Plainly,
    /// Two requests at once. Only with a key.
    Twice,
    /// The client hangs up after this time.
    HangingUp(Duration),
    /// Under the key of an earlier, stored batch. It must be refused, and nothing of it stored.
    UnderUsedKey,
}

impl Batch {
    pub(crate) fn body(&self) -> String {
        codes::body(&(0..self.size).map(|index| self.record(index)).collect::<Vec<_>>())
    }

    pub(crate) fn record(&self, index: usize) -> Code {
        let (client, number) = (self.client, self.number);
        let err = i32::try_from((number * 1_009 + index * 31 + client) % 100_000).unwrap_or_default();
        let timestamp = 1_700_000_000 + i64::try_from(number).unwrap_or_default();
        Code { device_id: format!("chaos-{client}-{number}-{index}"), err, timestamp }
    }

    /// Decodes client, batch and index from a device name of [`Batch::record`].
    pub(crate) fn place(device: &str) -> Option<(usize, usize, usize)> {
        let mut parts = device.strip_prefix("chaos-")?.split('-').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(client)), Some(Ok(number)), Some(Ok(index)), None) => Some((client, number, index)),
            _ => None,
        }
    }
}

/// The batches of one client.
pub(crate) struct Batches {
    client: usize,
    next: usize,
    used_key: Option<String>,
    /// Whether POST answers 422. In queued mode it accepts another batch under a used key, and store-logs drops it.
    refusing: bool,
    random: Rng,
}

impl Batches {
    pub(crate) fn new(client: usize, random: Rng, queued: bool) -> Self {
        Self { client, next: 0, used_key: None, refusing: !queued, random }
    }

    /// The next batch. All earlier batches with keys must be settled, because one of their keys may be used again.
    pub(crate) fn next(&mut self) -> Batch {
        let random = &mut self.random;
        let size = random.usize(1..=MAX_SIZE);
        let with_key = random.bool();
        let new_key = uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid().to_string();
        let drops_after = Duration::from_millis(random.u64(0..DROPS_WITHIN_MS));
        let pause = Duration::from_millis(random.u64(0..PAUSE_MS));
        let chance = random.u8(0..100);
        let (key, manner) = match (with_key, self.used_key.take()) {
            (true, Some(used)) if chance < 4 && self.refusing => (Some(used), Manner::UnderUsedKey),
            (true, _) if chance < 12 => (Some(new_key), Manner::Twice),
            (true, _) if chance < 18 => (Some(new_key), Manner::HangingUp(drops_after)),
            (true, _) => (Some(new_key), Manner::Plainly),
            (false, used) => {
                self.used_key = used;
                (None, if chance < 3 { Manner::HangingUp(drops_after) } else { Manner::Plainly })
            }
        };
        if key.is_some() {
            self.used_key.clone_from(&key);
        }
        let number = self.next;
        self.next += 1;
        Batch { client: self.client, number, size, key, manner, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(seed: u64) -> Vec<Batch> {
        let mut batches = Batches::new(3, Rng::with_seed(seed), false);
        (0..1_000).map(|_| batches.next()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_batches_and_another_one_others() {
        let text = |seed| format!("{:?}", batches(seed));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn a_device_name_tells_its_record() {
        let batch = &batches(1)[17];
        assert_eq!(Batch::place(&batch.record(9).device_id), Some((3, 17, 9)));
        for foreign in ["", "chaos-", "chaos-1-2", "chaos-1-2-3-4", "chaos-1-2-x", "any_device_token"] {
            assert_eq!(Batch::place(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn each_manner_occurs_and_only_a_batch_that_must_be_refused_reuses_a_key() {
        let mut used = std::collections::HashSet::new();
        let mut manners = [0; 4];
        for batch in batches(1) {
            manners[match batch.manner {
                Manner::Plainly => 0,
                Manner::Twice => 1,
                Manner::HangingUp(_) => 2,
                Manner::UnderUsedKey => 3,
            }] += 1;
            let Some(key) = batch.key else {
                assert!(!matches!(batch.manner, Manner::Twice | Manner::UnderUsedKey));
                continue;
            };
            assert_eq!(!used.insert(key), batch.manner == Manner::UnderUsedKey);
        }
        assert!(manners.iter().all(|count| *count > 5), "{manners:?}");
    }

    #[test]
    fn the_service_accepts_a_body() {
        let batch = &batches(1)[0];
        let read = logs_core::Batch::parse(batch.body().as_bytes()).unwrap();
        assert_eq!((read.logs().len(), read.rejected()), (batch.size, 0));
    }
}
