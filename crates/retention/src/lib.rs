//! Deletes old rows. A schedule calls it; the event's content is ignored. A run that runs out of time is not a failure:
//! the next one continues.

use lambda_runtime::Diagnostic;
use logs_core::Deadline;
use logs_core::mysql::{MySqlStore, Retention, RetentionReport};
use logs_core::settings::{Env, SettingError, days};

/// How many days the ledger keeps a key by default: as long as a message may take through the queue, and back from the
/// dead-letter queue.
const BATCH_DAYS: u16 = 28;

/// How many days rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    batches: u16,
    logs: Option<u16>,
}

impl Days {
    /// `BATCH_RETENTION_DAYS` (28) and `LOG_RETENTION_DAYS` (0: logs are kept for ever).
    pub fn from_environment(env: Env<'_>) -> Result<Self, SettingError> {
        let batches = days(env, "BATCH_RETENTION_DAYS", 1)?;
        let logs = days(env, "LOG_RETENTION_DAYS", 0)?;
        Ok(Self { batches: batches.unwrap_or(BATCH_DAYS), logs: logs.filter(|days| *days > 0) })
    }
}

/// One run; `now` is in Unix seconds.
pub async fn run(store: &MySqlStore, days: Days, now: i64, deadline: Deadline) -> Result<RetentionReport, Diagnostic> {
    match store.delete_old(Retention::of_days(now, days.batches, days.logs), deadline).await {
        Ok(report) => {
            let RetentionReport { batches, logs, complete } = report;
            tracing::info!(batches, logs, complete, "old rows are deleted");
            Ok(report)
        }
        Err(error) => {
            tracing::error!(%error, "old rows are not deleted; the next run tries again");
            Err(Diagnostic { error_type: "RetentionFailed".to_owned(), error_message: error.to_string() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(variables: &[(&str, &str)]) -> Result<Days, SettingError> {
        Days::from_environment(&|name| {
            variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
        })
    }

    #[test]
    fn the_ledger_is_kept_for_four_weeks_and_logs_for_ever() {
        let expected = Ok(Days { batches: 28, logs: None });
        assert_eq!(parsed(&[]), expected);
        assert_eq!(parsed(&[("BATCH_RETENTION_DAYS", ""), ("LOG_RETENTION_DAYS", "0")]), expected);
        let both = [("BATCH_RETENTION_DAYS", "1"), ("LOG_RETENTION_DAYS", "400")];
        assert_eq!(parsed(&both), Ok(Days { batches: 1, logs: Some(400) }));
    }

    #[test]
    fn an_invalid_number_of_days_is_named() {
        for (variable, value) in [
            ("BATCH_RETENTION_DAYS", "0"),
            ("BATCH_RETENTION_DAYS", "-1"),
            ("BATCH_RETENTION_DAYS", "two weeks"),
            ("LOG_RETENTION_DAYS", "1.5"),
            ("LOG_RETENTION_DAYS", "65536"),
        ] {
            assert!(parsed(&[(variable, value)]).unwrap_err().to_string().starts_with(variable), "{variable}={value}");
        }
    }
}
