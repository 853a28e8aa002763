//! How load and table grow, and what is refused in the meantime.

use std::collections::BTreeMap;

use super::partitions::{Load, Shards, partitions_for};

/// What a new on-demand table accepts, in write units per second.
const NEW_TABLE: usize = 4_000;

/// An on-demand table accepts twice its highest load so far …
const HEADROOM: usize = 2;

/// … and adapts to a higher one within this many minutes. `DynamoDB` may be faster.
const ADAPTS_AFTER: usize = 30;

/// The step of the simulation, in minutes.
const STEP_BY: usize = 5;

/// How many minutes the load takes to double.
const DOUBLING: usize = 10;

/// The template's default.
pub(crate) const MIN_SHARDS: usize = 8;

/// Above any practical number of shards.
const MAX_SHARDS: usize = 65_536;

/// The hashes are random, so figures are means over this many tables.
const TABLES: u64 = 20;

/// A share in hundredths of a percent.
pub(crate) type BasisPoints = usize;

/// What a steady load may have refused: the functions' retries hide it.
const TOLERATED: BasisPoints = 10;

/// The fewest shards with which a table that has long carried this load refuses almost nothing. Tries powers of two, as an
/// operator would raise the parameter.
pub(crate) fn shards_needed(load: Load) -> Option<usize> {
    let capacity = (load.total() * HEADROOM).max(NEW_TABLE);
    let counts = std::iter::successors(Some(MIN_SHARDS), |count| Some(count * 2));
    let is_enough = |count: &usize| {
        let refused = mean(&tables(*count), load, capacity);
        share(refused, load) <= TOLERATED
    };
    counts.take_while(|count| *count <= MAX_SHARDS).find(is_enough)
}

/// The share refused in each of these minutes, while the load doubles within ten, on a table that has long carried it.
pub(crate) fn doubling(load: Load, shards: usize, minutes: &[usize]) -> Vec<BasisPoints> {
    let growing = |minute: usize| load.scaled(DOUBLING + minute.min(DOUBLING), DOUBLING);
    over_time(growing, load.total() * HEADROOM, shards, minutes)
}

/// The share refused in each of these minutes, when the whole load hits a new table at once.
pub(crate) fn new_table(load: Load, shards: usize, minutes: &[usize]) -> Vec<BasisPoints> {
    over_time(|_| load, NEW_TABLE, shards, minutes)
}

fn over_time(load: impl Fn(usize) -> Load, capacity: usize, shards: usize, minutes: &[usize]) -> Vec<BasisPoints> {
    let tables = tables(shards);
    let mut capacity = capacity.max(NEW_TABLE);
    let mut accepted = BTreeMap::new();
    let mut shown = Vec::new();
    for minute in (0..=minutes.iter().copied().max().unwrap_or_default()).step_by(STEP_BY) {
        if let Some(before) = minute.checked_sub(ADAPTS_AFTER).and_then(|minute| accepted.get(&minute)) {
            capacity = capacity.max(HEADROOM * before);
        }
        let load = load(minute);
        let refused = mean(&tables, load, capacity);
        accepted.insert(minute, load.total() - refused);
        if minutes.contains(&minute) {
            shown.push(share(refused, load));
        }
    }
    shown
}

fn tables(shards: usize) -> Vec<Shards> {
    (0..TABLES).map(|seed| Shards::placed(shards, seed)).collect()
}

fn mean(tables: &[Shards], load: Load, capacity: usize) -> usize {
    let partitions = partitions_for(capacity);
    tables.iter().map(|shards| shards.refused(load, partitions)).sum::<usize>() / tables.len()
}

fn share(refused: usize, load: Load) -> BasisPoints {
    refused * 10_000 / load.total().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_load_needs_the_fewest_shards() {
        assert_eq!(shards_needed(Load { shards: 100, spread: 100 }), Some(MIN_SHARDS));
        assert!(shards_needed(Load { shards: 100_000, spread: 0 }) > Some(100), "each takes 1,000");
    }

    #[test]
    fn a_new_table_refuses_what_is_above_4000_and_doubles_every_half_hour() {
        let load = Load { shards: 0, spread: 16_000 };
        assert_eq!(new_table(load, 8, &[0, 25, 30, 55, 60]), [7_500, 7_500, 5_000, 5_000, 0]);
    }

    #[test]
    fn a_spread_load_may_double() {
        assert_eq!(doubling(Load { shards: 0, spread: 50_000 }, 8, &[0, 5, 10, 60]), [0, 0, 0, 0]);
    }
}
