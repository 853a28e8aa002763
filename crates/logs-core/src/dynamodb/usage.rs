//! What the calls cost and what went wrong, for CloudWatch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aws_sdk_dynamodb::types::ConsumedCapacity;

use super::error::TableError;
use crate::metrics::Metric;

/// Counters since they were read last.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// In halves: an eventually consistent read costs half a unit.
    write_halves: AtomicU64,
    read_halves: AtomicU64,
    throttles: AtomicU64,
    conflicts: AtomicU64,
    retries: AtomicU64,
}

impl Usage {
    pub(super) fn wrote<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.write_halves.fetch_add(halves(consumed), Relaxed);
    }

    pub(super) fn read<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.read_halves.fetch_add(halves(consumed), Relaxed);
    }

    pub(super) fn failed(&self, error: &TableError) {
        match error {
            TableError::Throttled(_) => self.throttles.fetch_add(1, Relaxed),
            TableError::Conflict(_) => self.conflicts.fetch_add(1, Relaxed),
            _ => 0,
        };
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// What was counted since the last call.
    pub(super) fn take(&self) -> Vec<Metric> {
        let take = |counter: &AtomicU64| usize::try_from(counter.swap(0, Relaxed)).unwrap_or(usize::MAX);
        vec![
            Metric::Count("WriteUnits", take(&self.write_halves).div_ceil(2)),
            Metric::Count("ReadUnits", take(&self.read_halves).div_ceil(2)),
            Metric::Count("Throttles", take(&self.throttles)),
            Metric::Count("Conflicts", take(&self.conflicts)),
            Metric::Count("Retries", take(&self.retries)),
        ]
    }
}

fn halves<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> u64 {
    let units: f64 = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number of halves")]
    let halves = (units * 2.0).round() as u64;
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_in_halves_and_each_count_is_told_once() {
        let usage = Usage::default();
        let consumed = |units| ConsumedCapacity::builder().capacity_units(units).build();
        usage.wrote(&[consumed(4.0), consumed(2.0)]);
        usage.read(&[consumed(0.5)]);
        usage.failed(&TableError::Throttled(String::new()));
        usage.failed(&TableError::Conflict(String::new()));
        usage.failed(&TableError::NoAnswer(String::new()));
        usage.retried();
        let expected = [("WriteUnits", 6), ("ReadUnits", 1), ("Throttles", 1), ("Conflicts", 1), ("Retries", 1)];
        assert_eq!(usage.take(), expected.map(|(name, count)| Metric::Count(name, count)));
        assert_eq!(usage.take(), expected.map(|(name, _)| Metric::Count(name, 0)));
    }
}
