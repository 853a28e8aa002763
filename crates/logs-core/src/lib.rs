//! What the error-code service is about, without a word of HTTP or Lambda.
//!
//! Data flows one way and back once:
//!
//! 1. [`Batch::parse`] takes the body that a device sent and gives [`NewLog`]s and [`RecordError`]s (wire → domain);
//! 2. [`mysql::Store`] writes and reads them (domain → rows → domain); all SQL is in `mysql/statements.rs`;
//! 3. [`Receipt`] and [`MostRecent`] are the answers (domain → wire).
//!
//! In queued mode a [`Message`] carries the batch between 1 and 2, from one function to another.
//!
//! Around it: [`settings`] from the environment, [`Credentials`] from Secrets Manager, the [`certificates`] that are
//! trusted, [`aws`] for its clients, a [`Deadline`] for everything that waits, [`clock`] as the one place that asks the time, and
//! [`operator_log`] and [`metrics`] for what the operator reads.

pub mod aws;
mod batch;
pub mod certificates;
pub mod clock;
mod credentials;
mod deadline;
mod fingerprint;
mod idempotency_key;
mod log;
mod message;
pub mod metrics;
pub mod mysql;
mod new_log;
pub mod operator_log;
mod receipt;
mod record;
mod secrets_manager;
pub mod settings;

pub use batch::{Batch, BodyError, MAX_BODY_BYTES, MAX_RECORDS};
pub use credentials::{Credentials, CredentialsError};
pub use deadline::Deadline;
pub use fingerprint::Fingerprint;
pub use idempotency_key::{IdempotencyKey, InvalidIdempotencyKey};
pub use log::{Log, MostRecent};
pub use message::{MAX_MESSAGE_BYTES, Message, MessageError};
pub use new_log::{DeviceId, ErrorCode, NewLog, Timestamp};
pub use receipt::{MAX_REPORTED_ERRORS, Receipt, reported_errors};
pub use record::{Field, RecordError, RecordErrorCode};
pub use secrets_manager::SecretError;
