//! The contract of the error-code service, without HTTP or Lambda.
//!
//! Data flows one way, and back once:
//!
//! 1. [`Batch::parse`] reads the body that a device sent into [`NewLog`]s and [`RecordError`]s (`wire` → `domain`).
//! 2. [`Store`] writes and reads them (`domain` → rows → `domain`). On MySQL all SQL is in
//!    `mysql/statements.rs` and its folder; on DynamoDB all items are in `dynamodb/items.rs`.
//! 3. [`Receipt`] and [`MostRecent`] become the responses (`domain` → `wire`).
//!
//! In queued mode a [`Message`] carries the batch from post-log to store-logs, between steps 1 and 2.
//!
//! `domain` has the rules and imports nothing from the others. `platform` is what a function needs around them:
//! [`settings`], [`Credentials`], [`certificates`], [`aws`], [`Deadline`], [`clock`], [`operator_log`], [`metrics`].

#![warn(missing_docs)]

mod domain;
pub mod dynamodb;
pub mod mysql;
mod platform;
mod store;
mod wire;

pub use domain::{
    Batch, CodeSummary, Codes, CodesQuery, DeviceId, ErrorCode, Field, Fingerprint, IdempotencyKey, InsertOutcome,
    InvalidIdempotencyKey, Log, MAX_RECORDS, Message, MessageOutcome, MessageReport, MostRecent, NewBatch, NewLog,
    Position, Query, RecordError, RecordErrorCode, Timestamp, ranked_at,
};
#[cfg(feature = "migrate")]
pub use domain::{LedgerEntry, StoreIdentity};
pub use platform::{Credentials, CredentialsError, Deadline, Secret, SecretError};
pub use platform::{aws, certificates, clock, metrics, operator_log, settings, signed_call};
pub use store::{Access, Store, StoreError};
pub use wire::{
    BodyError, MAX_BODY_BYTES, MAX_MESSAGE_BYTES, MAX_REPORTED_ERRORS, MessageError, QueryError, Receipt,
    reported_errors,
};
