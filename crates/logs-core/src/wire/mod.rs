//! The JSON contracts: the body of a POST and its receipt, and the messages of the queue.

mod body;
mod hints;
mod message;
mod ndjson;
mod number;
mod query;
mod receipt;
mod record;

pub use body::{BodyError, MAX_BODY_BYTES};
pub use message::{MAX_MESSAGE_BYTES, MessageError};
pub use query::QueryError;
pub use receipt::{MAX_REPORTED_ERRORS, Receipt, reported_errors};
