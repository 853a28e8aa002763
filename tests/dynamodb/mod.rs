//! What is DynamoDB's alone: faults of its endpoint, what calls cost, shards, settings. The contract is tested with the other
//! store's, from one text.

mod faults;
mod settings;
mod shards;
mod units;
