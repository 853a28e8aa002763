//! The functions, with the settings that each has on AWS and no more.

use std::path::{Path, PathBuf};

use logs_core::settings::environment;

use super::queued::Queued;
use super::{UpError, UpOptions};
use crate::binaries;
use crate::lambda::{Function, FunctionConfig, MAX_CONCURRENCY};
use crate::moto::{KEY, REGION};

/// From so many bytes on a log is kept under another name, in the place of the one before.
pub(super) const MAX_LOG_BYTES: u64 = 8 << 20;

/// The binary of a function.
pub(super) fn program(options: &UpOptions, name: &str) -> Result<PathBuf, UpError> {
    Ok(binaries::in_folder(&options.functions, name)?)
}

/// A function with these settings.
pub(super) fn function(
    options: &UpOptions,
    logs: &Path,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Function, UpError> {
    let mut variables: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.extend(environment("RUST_LOG").map(|filter| ("RUST_LOG".to_owned(), filter)));
    if options.events_per_environment > 1 {
        variables.push((MAX_CONCURRENCY.to_owned(), options.events_per_environment.to_string()));
    }
    let config = FunctionConfig {
        name: name.to_owned(),
        program: program(options, name)?,
        variables,
        timeout: options.timeout,
        concurrency: options.concurrency,
        log_file: log_file(logs, name),
    };
    Ok(Function::with_bounded_log(config, MAX_LOG_BYTES))
}

/// How a function that sends to the queue finds it.
pub(super) fn sender_settings(queued: &Queued) -> [(&str, &str); 5] {
    [
        ("QUEUE_URL", queued.queue().url()),
        ("AWS_ENDPOINT_URL_SQS", queued.endpoint_url()),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", KEY),
    ]
}

/// The log of a function, or of something else.
pub(super) fn log_file(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}
