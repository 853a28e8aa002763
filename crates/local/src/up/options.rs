//! The options of `./dev up`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::choice::DatabaseChoice;
use crate::Failure;
use crate::queue::RedrivePolicy;

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
    /// Codes a minute that post-log takes of each device; 0 for any number.
    pub device_rate: u32,
    /// Usage plan: requests a second.
    pub rate: NonZeroU32,
    /// Usage plan: requests at once.
    pub burst: NonZeroU32,
    /// Names of error codes for the page: the text of `codes.json`.
    pub code_names: Option<String>,
    pub database: DatabaseChoice,
    /// Queued mode: POST sends to a queue, store-logs stores.
    pub queued: Option<QueuedOptions>,
}

/// Options of queued mode.
#[derive(Clone, Debug)]
pub struct QueuedOptions {
    /// Python with moto, which plays SQS.
    pub moto_python: PathBuf,
    /// How long to gather a batch.
    pub batch_window: Duration,
    /// Maximum number of simultaneous invocations of store-logs.
    pub concurrency: usize,
    pub redrive_policy: RedrivePolicy,
}

/// store-logs starts no transaction with less than 3 s left.
const MIN_TIMEOUT: Duration = Duration::from_secs(5);

/// As in the template.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);

impl QueuedOptions {
    /// The timeout of store-logs: the visibility timeout without the time for gathering. Fails if that is too short: messages
    /// would be delivered again while they are stored, and become dead letters.
    pub(super) fn timeout(&self) -> Result<Duration, Failure> {
        let visibility_timeout = Duration::from_secs(self.redrive_policy.visibility_timeout.into());
        let timeout = visibility_timeout.saturating_sub(self.batch_window).min(MAX_TIMEOUT);
        if timeout >= MIN_TIMEOUT {
            return Ok(timeout);
        }
        let minimum = (self.batch_window + MIN_TIMEOUT).as_secs();
        let why = "--batch-window, and time for store-logs to store";
        Err(format!("--visibility-timeout must be at least {minimum} s: {why}").into())
    }
}
