//! The tables, as Markdown.

use super::partitions::Load;
use super::scenario::{BasisPoints, doubling, new_table, shards_needed};
use super::units::{self, BATCHES, Batch, LEDGER};
use crate::figures::grouped;
use crate::table::Table;

/// Codes a second.
const RATES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The minutes to show while the load doubles within ten.
const OF_DOUBLING: [usize; 4] = [0, 5, 10, 60];

/// The minutes to show after the whole load hits a new table.
const OF_NEW_TABLE: [usize; 4] = [0, 30, 60, 120];

/// Both tables.
pub(crate) fn tables() -> String {
    format!("{}\n{}", prices().markdown(), limits().markdown())
}

/// What a million codes cost.
fn prices() -> Table {
    let head = [
        "codes a batch",
        "write units of a POST, without / with a key",
        "$ a million codes, without a key",
        "with a key",
        "of it the ledger",
        "queued, without a key",
        "queued, with a key",
    ];
    let row = |batch: Batch| {
        let Batch { codes, without_key, with_key, .. } = batch;
        let dollars = |units| format!("{:.4}", batch.dollars(units));
        let queued = |has_key| format!("{:.4}", batch.dollars_queued(has_key));
        let units = format!("{without_key} / {with_key}");
        let direct = [dollars(without_key), dollars(with_key), dollars(LEDGER)];
        let [without_key, with_key, ledger] = direct;
        [grouped(codes), units, without_key, with_key, ledger, queued(false), queued(true)]
    };
    Table::new(head, &[], BATCHES.map(row))
}

/// What a table needs, and what it refuses.
fn limits() -> Table {
    let head = [
        "codes/s",
        "codes a batch",
        "POSTs/s",
        "write units/s",
        "shards",
        "$ a million GETs",
        "% refused while the load doubles: minute 0, 5, 10, 60",
        "% refused by a new table: minute 0, 30, 60, 120",
    ];
    let rows = RATES.into_iter().flat_map(|rate| BATCHES.map(|batch| limits_of(rate, batch)));
    Table::new(head, &[], rows.flatten())
}

fn limits_of(rate: usize, batch: Batch) -> Option<[String; 8]> {
    let posts = rate / batch.codes;
    let load = Load { shards: posts * batch.to_shard, spread: posts * (batch.with_key - batch.to_shard) };
    let shards = shards_needed(load)?;
    Some([
        grouped(rate),
        grouped(batch.codes),
        grouped(posts),
        grouped(load.total()),
        grouped(shards),
        format!("{:.2}", units::get_dollars(shards)),
        percents(&doubling(load, shards, &OF_DOUBLING)),
        percents(&new_table(load, shards, &OF_NEW_TABLE)),
    ])
}

fn percents(shares: &[BasisPoints]) -> String {
    let percent = |share: &BasisPoints| format!("{}.{}", share / 100, share % 100 / 10);
    shares.iter().map(percent).collect::<Vec<_>>().join(", ")
}
