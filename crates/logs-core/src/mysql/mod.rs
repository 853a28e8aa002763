//! The store on MySQL 8.4 (RDS), or MariaDB from 10.11 on.
//!
//! - `store.rs`: [`MySqlStore`], what the functions call. `settings.rs`: where the database is.
//! - `statements.rs`, `statements/`: all SQL of the functions. Start here to see what is written and read.
//! - `connection.rs`, `login.rs`: connections that work. `retry.rs`, `error.rs`: what is tried again, and when.
//! - `one_transaction.rs`: work that is one transaction and may run again.
//! - `ledger.rs`: a batch under a key is stored once. `messages.rs`, `transactions.rs`: many batches at once.
//! - `summary.rs`: counts the logs by code and hour. `codes.rs`: what GET /codes reads of it.
//! - `migrate.rs`, `query_indexes.rs`, `users.rs`, `retention.rs`: the schema, the functions' accounts, old rows.
//! - `copy.rs`: copying from and to DynamoDB, for operators' tools.

mod codes;
mod connection;
#[cfg(feature = "migrate")]
mod copy;
mod error;
mod ledger;
mod login;
mod messages;
#[cfg(feature = "migrate")]
mod migrate;
#[cfg(feature = "migrate")]
mod migrations;
mod one_transaction;
#[cfg(feature = "migrate")]
mod query_indexes;
mod retention;
mod retry;
mod settings;
mod statements;
mod store;
mod summary;
mod transactions;
#[cfg(feature = "migrate")]
mod users;

#[cfg(feature = "migrate")]
pub use copy::NamedLogs;
pub use login::LoginError;
#[cfg(feature = "migrate")]
pub use migrate::{MigrateError, MigrationReport, migrate, migrate_with_users};
#[cfg(feature = "migrate")]
pub use query_indexes::QueryIndexes;
pub use retention::{Retention, RetentionReport};
pub use settings::DatabaseSettings;
pub use store::MySqlStore;
pub use summary::{NEW_AFTER_DAYS, NewCode, Summary, SummaryReport};
#[cfg(feature = "migrate")]
pub use users::{DatabaseUser, Rights, UserError, UserLogin};
