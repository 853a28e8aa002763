//! The tables, in Markdown.

use super::partitions::Load;
use super::scenario::{BasisPoints, doubling, new_table, shards_needed};
use super::units::{self, BATCHES, Batch, LEDGER};

/// Codes a second.
const RATES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Minutes that are shown while the load doubles in ten.
const OF_DOUBLING: [usize; 4] = [0, 5, 10, 60];

/// Minutes that are shown after all of the load came to a new table.
const OF_NEW_TABLE: [usize; 4] = [0, 30, 60, 120];

/// All of them.
pub(crate) fn tables() -> String {
    format!("{}\n{}", prices(), limits())
}

/// What a million codes cost.
fn prices() -> String {
    let mut text = head(&[
        "codes a batch",
        "write units of a POST, without / with a key",
        "$ a million codes, without a key",
        "with a key",
        "of it the ledger",
    ]);
    for batch in BATCHES {
        let Batch { codes, without_key, with_key, .. } = batch;
        let dollars = |units| format!("{:.4}", batch.dollars(units));
        text += &row(&[
            thousands(codes),
            format!("{without_key} / {with_key}"),
            dollars(without_key),
            dollars(with_key),
            dollars(LEDGER),
        ]);
    }
    text
}

/// What a table must have, and what it refuses.
fn limits() -> String {
    let mut text = head(&[
        "codes/s",
        "codes a batch",
        "POSTs/s",
        "write units/s",
        "shards",
        "$ a million GETs",
        "% refused while the load doubles: minute 0, 5, 10, 60",
        "% refused by a new table: minute 0, 30, 60, 120",
    ]);
    for (rate, batch) in RATES.into_iter().flat_map(|rate| BATCHES.map(|batch| (rate, batch))) {
        text += &limits_of(rate, batch);
    }
    text
}

fn limits_of(rate: usize, batch: Batch) -> String {
    let posts = rate / batch.codes;
    let load = Load { shards: posts * batch.to_shard, spread: posts * (batch.with_key - batch.to_shard) };
    let Some(shards) = shards_needed(load) else { return String::new() };
    row(&[
        thousands(rate),
        thousands(batch.codes),
        thousands(posts),
        thousands(load.total()),
        thousands(shards),
        format!("{:.2}", units::get_dollars(shards)),
        percents(&doubling(load, shards, &OF_DOUBLING)),
        percents(&new_table(load, shards, &OF_NEW_TABLE)),
    ])
}

fn head(names: &[&str]) -> String {
    row(&names.iter().map(ToString::to_string).collect::<Vec<_>>()) + &format!("|{}\n", "---|".repeat(names.len()))
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn percents(shares: &[BasisPoints]) -> String {
    let percent = |share: &BasisPoints| format!("{}.{}", share / 100, share % 100 / 10);
    shares.iter().map(percent).collect::<Vec<_>>().join(", ")
}

/// `12,345`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
