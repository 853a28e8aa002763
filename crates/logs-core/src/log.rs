//! A stored error code, and the list of the most recent ones.

use serde::Serialize;

/// A stored error code, as a dashboard sees it. `error_code` and `timestamp` are the seed's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// Given by the database, ascending.
    pub error_log_id: u64,
    /// Who reported.
    pub device_id: String,
    /// What went wrong.
    pub error_code: i32,
    /// When, by the device's clock: Unix seconds. As sent, even if that clock runs ahead.
    pub timestamp: i64,
    /// When it reached the service: Unix seconds.
    pub received_at: i64,
}

/// The answer to a GET: `{"result":[…]}`, at most [`Self::LIMIT`] logs, most recent first.
///
/// Most recent means: by `min(timestamp, received_at + 300)`, then by `error_log_id`, both descending. The
/// bound keeps a device whose clock runs ahead from owning every dashboard; five minutes forgive a small drift.
/// The database computes it (column `ranked_at`, `migrations/`), because the index needs it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MostRecent {
    /// The logs.
    pub result: Vec<Log>,
}

impl MostRecent {
    /// How many logs a dashboard gets.
    pub const LIMIT: usize = 10;
}
