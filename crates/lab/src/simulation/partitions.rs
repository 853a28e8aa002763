//! What a table accepts in a second: the sum over its partitions.

use fastrand::Rng;

/// Write units per second and partition.
const PARTITION: usize = 1_000;

/// Loads are counted in thousandths of a unit, so that shares of a small load do not round to zero.
const MILLI: usize = 1_000;

/// Write units per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) shards: usize,
    /// To keys of single batches, which spread over all partitions.
    pub(crate) spread: usize,
}

impl Load {
    pub(crate) fn total(self) -> usize {
        self.shards + self.spread
    }

    pub(crate) fn scaled(self, numerator: usize, denominator: usize) -> Self {
        let scale = |units: usize| units * numerator / denominator;
        Self { shards: scale(self.shards), spread: scale(self.spread) }
    }
}

/// The hashes of the shards' keys. Each partition holds a range of hashes; when it is split, each half keeps its part of
/// the range.
#[derive(Clone, Debug)]
pub(crate) struct Shards(Vec<u32>);

impl Shards {
    /// Random hashes. The seed makes runs repeatable.
    pub(crate) fn placed(count: usize, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        Self((0..count).map(|_| random.u32(..)).collect())
    }

    /// The write units per second that a table with `partitions` partitions refuses.
    pub(crate) fn refused(&self, load: Load, partitions: usize) -> usize {
        let mut hot = vec![0; partitions];
        for position in &self.0 {
            hot[(*position as usize * partitions) >> u32::BITS] += load.shards * MILLI / self.0.len();
        }
        let even = load.spread * MILLI / partitions;
        let refused: usize = hot.into_iter().map(|hot: usize| (hot + even).saturating_sub(PARTITION * MILLI)).sum();
        refused / MILLI
    }
}

/// The number of partitions for this many write units per second.
pub(crate) fn partitions_for(units: usize) -> usize {
    units.div_ceil(PARTITION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_takes_a_thousand_units_and_refuses_the_rest() {
        let load = |shards, spread| Load { shards, spread };
        assert_eq!(Shards(vec![0]).refused(load(1_000, 0), 4), 0);
        assert_eq!(Shards(vec![0]).refused(load(1_500, 0), 4), 500, "the other three do not help a shard");
        assert_eq!(Shards(vec![0, u32::MAX]).refused(load(1_500, 0), 4), 0, "two shards in two partitions");
        assert_eq!(Shards(vec![0, 1]).refused(load(1_500, 0), 4), 500, "two shards in one partition");
        assert_eq!(Shards(vec![0]).refused(load(0, 6_000), 4), 2_000, "what spreads fills all");
        assert_eq!(Shards(vec![0]).refused(load(600, 2_000), 4), 100);
    }
}
