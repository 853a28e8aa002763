//! What a request costs, in `DynamoDB`'s units and in dollars.

/// What a POST of so many codes writes, in write units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) codes: usize,
    pub(crate) without_key: usize,
    pub(crate) with_key: usize,
    /// How much of `with_key` goes to a shard, which other batches write to as well. The rest has keys of its own.
    pub(crate) to_shard: usize,
}

/// The targets of `./dev bench --store dynamodb`. A transaction counts twice: a batch with a key is one, and so is a
/// batch that does not fit one item. A shard gets one item with the ten codes that can be on the list: 1 unit for one
/// code, else 2.
pub(crate) const BATCHES: [Batch; 4] = [
    Batch { codes: 1, without_key: 1, with_key: 4, to_shard: TRANSACTION },
    Batch { codes: 10, without_key: 2, with_key: 6, to_shard: TRANSACTION * 2 },
    Batch { codes: 100, without_key: 6, with_key: 8, to_shard: TRANSACTION * 2 },
    Batch { codes: 1000, without_key: 40, with_key: 40, to_shard: TRANSACTION * 2 },
];

/// A write in a transaction counts this many times.
const TRANSACTION: usize = 2;

/// Write units of a batch's item in the ledger.
pub(crate) const LEDGER: usize = TRANSACTION;

/// Read units of a GET, for each shard: ten codes are below 4 kB, and the read is strongly consistent.
const READ_PER_SHARD: usize = 1;

/// US dollars for a million request units: on demand, us-east-1, 2026.
const WRITE_DOLLARS: f64 = 0.625;
const READ_DOLLARS: f64 = 0.125;

impl Batch {
    /// Dollars for a million codes, of which each batch costs so many write units.
    pub(crate) fn dollars(self, units: usize) -> f64 {
        let units_per_million = 1_000_000 / self.codes * units;
        millions(units_per_million) * WRITE_DOLLARS
    }
}

/// Dollars for a million GETs with so many shards.
pub(crate) fn get_dollars(shards: usize) -> f64 {
    millions(1_000_000 * shards * READ_PER_SHARD) * READ_DOLLARS
}

/// A count in millions.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn millions(count: usize) -> f64 {
    count as f64 / 1e6
}
