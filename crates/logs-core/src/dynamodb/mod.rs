//! The store on DynamoDB: one table, no server, no VPC.
//!
//! - `store.rs`: [`DynamoStore`], what the functions call. `settings.rs`: which table.
//! - `items.rs`: every item and its attributes. Start here to see what is written and read. `packing.rs`: many logs in few
//!   bytes.
//! - `writing.rs`: a batch as items, and when `as_of` moves. `ids.rs`: numbers for logs. `ledger.rs`: a batch under a key is
//!   stored once. `messages.rs`: many batches at once; `buckets.rs`: their part of the ledger. `reading.rs`: the most recent
//!   logs.
//! - `operate.rs`: making the table and reading all of it, `copy.rs`: copying from and to MySQL, for operators' tools.
//! - `table.rs`: the calls. `retry.rs`, `error.rs`: what is tried again, and when. `usage.rs`: what it costs.
//!
//! # Items
//!
//! | item | `pk` | `sk` | attributes |
//! |---|---|---|---|
//! | head of a shard | `shard#3` | `~` | `as_of`; in shard 0 `next_id` and `shards` as well |
//! | shard item | `shard#3` | `ranked_at`, 12 digits, `#`, id, 16 digits | `logs`: at most ten, packed |
//! | batch item | `batch#`, first id, 16 digits | number of the part, 4 digits | `logs`: packed |
//! | ledger item | `key#`, idempotency key | `ledger` | `fingerprint`, `stored_by`, `received_at` |
//! | part of a bucket of the ledger | `bucket#`, `received_at`, 12 digits | number of the part, 6 digits | `keys`, `stored_by` |
//!
//! A copy also leaves `identity`, and one from MySQL `copy#`, source, `#`, window (`copy.rs`).
//!
//! `expires_at` (Unix seconds, the table's TTL attribute) is in the ledger's items always, in those with logs if they expire, and
//! never in a head: the ids would begin again.
//!
//! A batch of at most ten logs is one shard item. Of a larger one only the ten most recent logs can ever be on the list, so
//! its shard item holds those, as an excerpt; batch items of at most 400 kB hold all. One transaction writes what belongs
//! together. A shard item sorts by its most recent log, so the ten newest items of a shard hold its ten most recent logs,
//! whatever is stored below them. A GET queries all shards at once, strongly consistent; the head comes first in each answer.
//!
//! A writer enters its `TABLE_SHARDS` into the head of shard 0 before it stores anything, and a reader that finds a larger
//! number there asks the others as well: the number can be raised while old functions run. It never falls.
//!
//! # What it costs
//!
//! A write unit is 1 kB of an item, twice that in a transaction; a read unit is 4 kB of a query's items. A batch of ten is
//! one unit, with a key four; one of 100 is four to six, with a key two more; one of 1000 some 10 to 20, by its content
//! (docs/decisions/0076). 10,000 messages of one code are 240 to 340, and two more for each that has a key of the client
//! (docs/decisions/0096). Once a second an environment also moves `as_of`, and once in a million logs it draws ids.
//!
//! # Permissions
//!
//! Each on this table alone. post-log in direct mode and store-logs: `dynamodb:PutItem`, `dynamodb:UpdateItem`,
//! `dynamodb:GetItem` (a transaction of puts needs `PutItem` only). get-logs and store-logs: `dynamodb:Query`. A queued
//! post-log: none.

mod buckets;
#[cfg(feature = "migrate")]
mod copy;
mod error;
mod ids;
mod items;
mod ledger;
mod messages;
#[cfg(feature = "migrate")]
mod operate;
mod packing;
mod reading;
mod retry;
mod settings;
mod store;
mod table;
mod usage;
mod writing;

#[cfg(feature = "migrate")]
pub use copy::{Copied, WINDOW};
#[cfg(feature = "migrate")]
pub use operate::Position;
pub use settings::TableSettings;
pub use store::DynamoStore;
