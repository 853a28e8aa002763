//! The rules of the service, without JSON, HTTP, Lambda or a database.

mod batch;
mod codes;
mod devices;
mod fingerprint;
mod idempotency_key;
#[cfg(feature = "migrate")]
mod ledger_entry;
mod message;
mod message_sets;
mod most_recent;
mod new_log;
mod outcome;
mod query;
mod record_error;
#[cfg(feature = "migrate")]
mod store_identity;
mod tally;

pub use batch::{Batch, MAX_RECORDS, NewBatch};
pub(crate) use codes::{CodeHour, FrequentCode, first_hour, hour_of};
pub use codes::{CodeSummary, Codes, CodesQuery};
pub(crate) use devices::{DeviceHash, Devices};
pub use fingerprint::Fingerprint;
pub(crate) use idempotency_key::RandomPart;
pub use idempotency_key::{IdempotencyKey, InvalidIdempotencyKey};
#[cfg(feature = "migrate")]
pub use ledger_entry::LedgerEntry;
pub(crate) use message::KeyOrigin;
pub use message::Message;
pub(crate) use message_sets::MessageSets;
pub use most_recent::{Log, MostRecent};
pub use new_log::{DeviceId, ErrorCode, NewLog, Timestamp, ranked_at};
pub use outcome::{InsertOutcome, MessageOutcome, MessageReport};
pub use query::{Position, Query};
pub use record_error::{Field, RecordError, RecordErrorCode};
#[cfg(feature = "migrate")]
pub use store_identity::StoreIdentity;
pub(crate) use tally::{CodeTally, Entry, SummaryRow, Tally};
