//! The functions, each with the settings that it has on AWS.

use std::path::{Path, PathBuf};
use std::time::Duration;

use logs_core::settings::environment;

use crate::binaries::{self, NotBuilt};
use crate::lambda::{Function, FunctionConfig, MAX_CONCURRENCY};

/// A log of this size is renamed to `….1`, replacing the previous one.
pub(super) const MAX_LOG_BYTES: u64 = 8 << 20;

/// How much a function may do at once, and how long for one event.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) environments: u16,
    pub(super) events_per_environment: u16,
    pub(super) timeout: Duration,
}

impl Limits {
    /// One event at a time in each environment.
    pub(super) fn one_event(environments: u16, timeout: Duration) -> Self {
        Self { environments, events_per_environment: 1, timeout }
    }
}

/// A function whose program is in `folder`.
pub(super) fn function(
    folder: &Path,
    logs: &Path,
    name: &str,
    settings: &[(&str, &str)],
    limits: Limits,
) -> Result<Function, NotBuilt> {
    let mut variables: Vec<_> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    variables.extend(environment("RUST_LOG").map(|filter| ("RUST_LOG".to_owned(), filter)));
    if limits.events_per_environment > 1 {
        variables.push((MAX_CONCURRENCY.to_owned(), limits.events_per_environment.to_string()));
    }
    let config = FunctionConfig {
        name: name.to_owned(),
        program: binaries::in_folder(folder, name)?,
        variables,
        timeout: limits.timeout,
        concurrency: limits.environments.into(),
        log_file: log_file(logs, name),
    };
    Ok(Function::with_bounded_log(config, MAX_LOG_BYTES))
}

/// The log file of a function, or of another part.
pub(super) fn log_file(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}
