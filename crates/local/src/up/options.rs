//! The options of `./dev up`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::DatabaseChoice;
use crate::queue::RedrivePolicy;

/// What to run.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The folder `.local/`.
    pub state: PathBuf,
    /// Where the binaries of the functions are.
    pub functions: PathBuf,
    /// Port of the POST gateway; 0 for any.
    pub post_port: u16,
    /// Port of the GET gateway; 0 for any.
    pub get_port: u16,
    /// Environments per function.
    pub concurrency: usize,
    /// Events that an environment of post-log or get-logs may have at once.
    pub events_per_environment: usize,
    /// How long a function may take for one event.
    pub timeout: Duration,
    /// Seconds that get-logs keeps a list.
    pub cache: u8,
    /// Usage plan: requests a second.
    pub rate: NonZeroU32,
    /// Usage plan: requests at once.
    pub burst: NonZeroU32,
    /// Names of error codes for the page: the text of `codes.json`.
    pub code_names: Option<String>,
    /// Which database.
    pub database: DatabaseChoice,
    /// Queued mode: POST sends to a queue, store-logs stores.
    pub queued: Option<QueuedOptions>,
}

/// Options of queued mode.
#[derive(Clone, Debug)]
pub struct QueuedOptions {
    /// Python with moto, which plays SQS.
    pub moto_python: PathBuf,
    /// How long a batch is gathered.
    pub batch_window: Duration,
    /// How many invocations of store-logs there may be at once.
    pub concurrency: usize,
    /// When a message is tried again, and when no more.
    pub redrive_policy: RedrivePolicy,
}

/// store-logs begins nothing with less than 3 s left.
const MIN_TIMEOUT: Duration = Duration::from_secs(5);

/// As in the template.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);

impl QueuedOptions {
    /// Timeout of store-logs: what gathering the batch leaves of the visibility timeout. The error is the shortest
    /// possible visibility timeout in seconds.
    pub(super) fn timeout(&self) -> Result<Duration, u64> {
        let visibility_timeout = Duration::from_secs(self.redrive_policy.visibility_timeout.into());
        let timeout = visibility_timeout.saturating_sub(self.batch_window).min(MAX_TIMEOUT);
        if timeout < MIN_TIMEOUT { Err((self.batch_window + MIN_TIMEOUT).as_secs()) } else { Ok(timeout) }
    }
}
