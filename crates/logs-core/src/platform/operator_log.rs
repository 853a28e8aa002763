//! What the operator reads at 3 a.m.: JSON on standard output, one line an event. Never a password, an API
//! key or a whole payload.

use std::error::Error;
use std::process::ExitCode;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::SettingError;

/// Starts logging by `RUST_LOG` (`info`, `warn,logs_core=debug`, …); without it by `info`.
///
/// # Errors
/// `RUST_LOG` is no such filter; everything from `info` on is logged then.
pub fn start(filter: Option<&str>) -> Result<(), SettingError> {
    let targets = parse_filter(filter);
    let outcome = targets.clone().map(drop);
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false))
        .with(targets.unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO)))
        .init();
    tracing::debug!("started");
    outcome
}

/// The last line of a process: why it ends, if it should not have. Gives its exit code.
pub fn end(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the process ends");
            ExitCode::FAILURE
        }
    }
}

/// Reads a filter as `RUST_LOG` has it; without one, `info`.
///
/// # Errors
/// It is no such filter.
pub fn parse_filter(filter: Option<&str>) -> Result<Targets, SettingError> {
    let filter = filter.filter(|filter| !filter.trim().is_empty()).unwrap_or("info");
    let expected = "a level like info, or target=level, separated by commas";
    filter.parse().map_err(|_| SettingError::Invalid { variable: "RUST_LOG", expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_everything_from_info_on_is_logged() {
        for filter in [None, Some(""), Some(" ")] {
            assert_eq!(parse_filter(filter), Ok(Targets::new().with_default(tracing::Level::INFO)), "{filter:?}");
        }
        let expected =
            Targets::new().with_default(tracing::Level::WARN).with_target("logs_core", tracing::Level::DEBUG);
        assert_eq!(parse_filter(Some("warn,logs_core=debug")), Ok(expected));
    }

    #[test]
    fn a_filter_that_is_none_names_the_variable() {
        let error = parse_filter(Some("logs_core=loud")).unwrap_err();
        assert!(matches!(error, SettingError::Invalid { variable: "RUST_LOG", .. }), "{error}");
    }

    #[test]
    fn a_process_that_failed_says_so_with_its_exit_code() {
        let is = |code: ExitCode, expected: ExitCode| format!("{code:?}") == format!("{expected:?}");
        assert!(is(end(Ok(())), ExitCode::SUCCESS));
        assert!(is(end(Err("no database".into())), ExitCode::FAILURE));
        assert!(!is(ExitCode::SUCCESS, ExitCode::FAILURE));
    }
}
