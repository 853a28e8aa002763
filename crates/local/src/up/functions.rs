//! The functions, each with the settings that it has on AWS.

use std::path::{Path, PathBuf};

use logs_core::settings::environment;

use super::options::UpOptions;
use crate::binaries::{self, NotBuilt};
use crate::lambda::{Function, FunctionConfig, MAX_CONCURRENCY};

/// A log of this size is renamed to `….1`, replacing the previous one.
pub(super) const MAX_LOG_BYTES: u64 = 8 << 20;

pub(super) fn program(options: &UpOptions, name: &str) -> Result<PathBuf, NotBuilt> {
    binaries::in_folder(&options.functions, name)
}

pub(super) fn function(
    options: &UpOptions,
    logs: &Path,
    name: &str,
    settings: &[(&str, &str)],
) -> Result<Function, NotBuilt> {
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

/// The log file of a function, or of another part.
pub(super) fn log_file(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}
