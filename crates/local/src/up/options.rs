//! The options of `./dev up`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::choice::DatabaseChoice;
use crate::Failure;

#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The folder `.local/`.
    pub state: PathBuf,
    /// Where the binaries of the functions are.
    pub functions: PathBuf,
    pub gateways: GatewayOptions,
    /// Names of error codes for the page: the text of `codes.json`.
    pub code_names: Option<String>,
    pub database: DatabaseChoice,
    /// Queued mode: POST sends to a queue, store-logs stores.
    pub queued: Option<QueuedOptions>,
}

/// The gateways and the functions behind them, as on the command line.
#[derive(Args, Clone, Debug)]
pub struct GatewayOptions {
    /// Port of the POST gateway; 0 takes any
    #[arg(long, default_value_t = 9001)]
    pub post_port: u16,
    /// Port of the GET gateway; 0 takes any
    #[arg(long, default_value_t = 9000)]
    pub get_port: u16,
    /// Environments per function; when all are busy, the answer is 502 as from API Gateway
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// Events that an environment of post-log or get-logs handles at once, as on Lambda Managed Instances
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub events_per_environment: u16,
    /// Seconds that post-log and get-logs may take
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=29))]
    pub timeout: u64,
    /// Seconds for which get-logs caches a list; 0 reads it for each request
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(0..=60))]
    pub cache: u8,
    /// Codes a minute that post-log takes of each device; 0 takes any number
    #[arg(long, default_value_t = 0, value_name = "CODES", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub device_rate: u32,
    /// Usage plan: requests a second per key
    #[arg(long, default_value = "10000")]
    pub rate: NonZeroU32,
    /// Usage plan: requests at once per key
    #[arg(long, default_value = "5000")]
    pub burst: NonZeroU32,
}

/// Queued mode.
#[derive(Clone, Debug)]
pub struct QueuedOptions {
    /// Python with moto, which plays SQS.
    pub moto_python: PathBuf,
    pub queue: QueueOptions,
}

/// The queue, as on the command line.
#[derive(Args, Clone, Debug)]
pub struct QueueOptions {
    /// Queued: seconds to gather a batch, from its first message on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=300), requires = "queued")]
    pub batch_window: u32,
    /// Queued: invocations of store-logs at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000), requires = "queued")]
    pub queue_concurrency: u16,
    /// Queued: tries before a message becomes a dead letter; each run counts from zero
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "queued")]
    pub max_receive_count: u32,
    /// Queued: seconds until a failed message is tried again (181 on AWS)
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=43200), requires = "queued")]
    pub visibility_timeout: u32,
}

/// store-logs starts no transaction with less than 3 s left.
const MIN_TIMEOUT: u32 = 5;

/// As in the template.
const MAX_TIMEOUT: u32 = 30;

impl QueueOptions {
    /// The timeout of store-logs: the visibility timeout without the time for gathering. Fails if that is too short: messages
    /// would be delivered again while they are stored, and become dead letters.
    pub(super) fn timeout(&self) -> Result<Duration, Failure> {
        let timeout = self.visibility_timeout.saturating_sub(self.batch_window).min(MAX_TIMEOUT);
        if timeout >= MIN_TIMEOUT {
            return Ok(Duration::from_secs(timeout.into()));
        }
        let minimum = self.batch_window + MIN_TIMEOUT;
        let why = "--batch-window, and time for store-logs to store";
        Err(format!("--visibility-timeout must be at least {minimum} s: {why}").into())
    }
}
