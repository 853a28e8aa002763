//! The log for operators: JSON on standard output, one line per event. It never contains a password, an API key or a
//! whole payload.

use std::error::Error;
use std::process::ExitCode;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::SettingError;

/// Starts logging with the filter of `RUST_LOG` (`info`, `warn,logs_core=debug`, …); by default `info`.
///
/// # Errors
/// `RUST_LOG` is not a filter. Logging starts all the same, with `info`.
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

/// Logs why the process ends, if that is an error. Returns the exit code.
pub fn end(outcome: Result<(), Box<dyn Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the process ends");
            ExitCode::FAILURE
        }
    }
}

/// Parses a filter like that of `RUST_LOG`; without one, `info`.
///
/// # Errors
/// The text is not a filter.
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
    fn the_error_of_an_invalid_filter_names_the_variable() {
        let error = parse_filter(Some("logs_core=loud")).unwrap_err();
        assert!(matches!(error, SettingError::Invalid { variable: "RUST_LOG", .. }), "{error}");
    }

    #[test]
    fn a_failed_process_exits_with_an_error_code() {
        let is = |code: ExitCode, expected: ExitCode| format!("{code:?}") == format!("{expected:?}");
        assert!(is(end(Ok(())), ExitCode::SUCCESS));
        assert!(is(end(Err("no database".into())), ExitCode::FAILURE));
        assert!(!is(ExitCode::SUCCESS, ExitCode::FAILURE));
    }
}
