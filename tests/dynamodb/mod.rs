//! Tests of DynamoDB alone: faults of its endpoint, costs of calls, shards, settings. `on_every_store!` tests the
//! contract on both stores.

mod faults;
mod settings;
mod shards;
mod units;
