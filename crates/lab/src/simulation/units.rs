//! What a request costs, in `DynamoDB`'s units and in dollars.

/// The write units of a POST of `codes` codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) codes: usize,
    pub(crate) without_key: usize,
    pub(crate) with_key: usize,
    /// The part of `with_key` that goes to a shard, which other batches write to as well. The rest has keys of its own.
    pub(crate) to_shard: usize,
}

/// The targets of `./dev bench --store dynamodb`. A transaction counts twice. A batch with a key is a transaction, and so
/// is a batch that does not fit into one item. A shard gets one item with the ten codes that a list can show: 1 unit for
/// one code, else 2.
pub(crate) const BATCHES: [Batch; 4] = [
    Batch { codes: 1, without_key: 1, with_key: 4, to_shard: TRANSACTION },
    Batch { codes: 10, without_key: 2, with_key: 6, to_shard: TRANSACTION * 2 },
    Batch { codes: 100, without_key: 6, with_key: 8, to_shard: TRANSACTION * 2 },
    Batch { codes: 1000, without_key: 40, with_key: 40, to_shard: TRANSACTION * 2 },
];

/// How often a write in a transaction counts.
const TRANSACTION: usize = 2;

/// The write units of a ledger item.
pub(crate) const LEDGER: usize = TRANSACTION;

/// The bytes of a code and of a message's key, as store-logs packs many of them (docs/decisions/0076 and 0096).
const CODE_BYTES: usize = 8;
const KEY_BYTES: usize = 10;

/// The read units of a GET per shard: ten codes are below 4 kB, and the read is strongly consistent.
const READ_PER_SHARD: usize = 1;

/// US dollars for a million request units: on demand, us-east-1, 2026.
const WRITE_DOLLARS: f64 = 0.625;
const READ_DOLLARS: f64 = 0.125;

impl Batch {
    /// Dollars for a million codes, at `units` write units per batch.
    pub(crate) fn dollars(self, units: usize) -> f64 {
        self.dollars_of_thousandths(units * 1_000)
    }

    /// The same where store-logs takes the batch out of the queue, together with many others, under a key of the client or
    /// without.
    pub(crate) fn dollars_queued(self, has_key: bool) -> f64 {
        let bytes = self.codes * CODE_BYTES + if has_key { 0 } else { KEY_BYTES };
        let of_client = if has_key { LEDGER * 1_000 } else { 0 };
        self.dollars_of_thousandths(of_client + TRANSACTION * bytes * 1_000 / 1_024)
    }

    fn dollars_of_thousandths(self, units: usize) -> f64 {
        millions(1_000_000 / self.codes * units) / 1_000.0 * WRITE_DOLLARS
    }
}

/// Dollars for a million GETs.
pub(crate) fn get_dollars(shards: usize) -> f64 {
    millions(1_000_000 * shards * READ_PER_SHARD) * READ_DOLLARS
}

/// A count in millions.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn millions(count: usize) -> f64 {
    count as f64 / 1e6
}
