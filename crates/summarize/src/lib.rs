//! Counts new logs into the summary that GET /codes reads, and announces new codes. A schedule calls it. A run that
//! runs out of time is not a failure: the next one continues.

mod announcement;
mod topic;

use std::error::Error;

use lambda_runtime::Diagnostic;
use logs_core::metrics::{Metric, Metrics};
use logs_core::mysql::{DatabaseSettings, MySqlStore, NEW_AFTER_DAYS, NewCode, Summary, SummaryReport};
use logs_core::settings::{Env, days};
use logs_core::{Deadline, StoreError};
use serde_json::Value;
use uuid::Uuid;

use announcement::Announcement;
use topic::{Outcome, Topic};

/// Settings and connections of the function.
#[derive(Debug)]
pub struct Summarize {
    store: MySqlStore,
    new_after_days: u16,
    topic: Option<Topic>,
    /// The address of the dashboard page.
    page: Option<String>,
    metrics: Metrics,
}

/// What the function is called with: a schedule's event, or `{"rebuild":true}` by an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Count everything again.
    pub rebuild: bool,
}

// By hand, because no event is an error. That of the schedule has many other fields.
impl<'de> serde::Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        Ok(Self { rebuild: event.get("rebuild").and_then(Value::as_bool).unwrap_or(false) })
    }
}

impl Summarize {
    /// The database's settings, `NEW_AFTER_DAYS` (30), and for announcements `NEW_CODES_TOPIC_ARN` and `PAGE_URL`.
    /// Connected ahead of the first event.
    pub async fn from_environment(env: Env<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let new_after_days = days(env, "NEW_AFTER_DAYS", 1)?.unwrap_or(NEW_AFTER_DAYS);
        let topic = Topic::from_environment(env)?;
        let page = env("PAGE_URL").filter(|url| !url.is_empty());
        let store = MySqlStore::new(&DatabaseSettings::from_environment(env)?);
        store.warm_up().await?;
        Ok(Self { store, new_after_days, topic, page, metrics: Metrics::from_environment(env) })
    }

    /// One run; `now` is in Unix seconds.
    pub async fn run(&self, event: Event, now: i64, deadline: Deadline) -> Result<SummaryReport, Diagnostic> {
        match self.summarize(event, now, deadline).await {
            Ok(report) => {
                let SummaryReport { counted, late, new_codes, backlog, lag_seconds, complete } = report;
                tracing::info!(counted, late, new_codes, backlog, lag_seconds, complete, "summarized");
                let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
                // Each metric costs money in each hour in which it is written. Only the alarm on the lag needs its
                // metric at all times.
                let counts = [("SummarizedLogs", counted), ("SummaryBacklog", backlog), ("NewCodes", new_codes)];
                let counts = counts.into_iter().filter(|(_, number)| *number > 0);
                let mut metrics: Vec<_> = counts.map(|(name, number)| Metric::Count(name, count(number))).collect();
                metrics.push(Metric::Seconds("SummaryLag", lag_seconds));
                self.metrics.write(&metrics);
                Ok(report)
            }
            Err(error) => {
                tracing::error!(%error, "not summarized; the next run tries again");
                Err(Diagnostic { error_type: "SummaryFailed".to_owned(), error_message: error.to_string() })
            }
        }
    }

    async fn summarize(&self, event: Event, now: i64, deadline: Deadline) -> Result<SummaryReport, StoreError> {
        if event.rebuild {
            tracing::info!("counting everything again");
            self.store.start_rebuild(deadline).await?;
        }
        let summary = Summary { now, new_after_days: self.new_after_days };
        let report = self.store.summarize(summary, deadline).await?;
        // Even if this run found none: an earlier run may have had no time left to announce.
        self.announce(now, deadline).await?;
        Ok(report)
    }

    /// Announces the codes that are new, each at most once: they are claimed before they are sent.
    async fn announce(&self, now: i64, deadline: Deadline) -> Result<(), StoreError> {
        let claimant = Uuid::new_v4().into_bytes();
        let codes = self.store.claim_new_codes(&claimant, now, deadline).await?;
        if codes.is_empty() {
            return Ok(());
        }
        let is_settled = self.send(&codes, deadline).await;
        self.store.settle_claim(&claimant, is_settled, deadline).await
    }

    /// Whether nothing more is to be done about these codes.
    async fn send(&self, codes: &[NewCode], deadline: Deadline) -> bool {
        for NewCode { error_code, device_id, logs, .. } in codes {
            tracing::warn!(error_code, device_id, logs, "a new code");
        }
        let Some(topic) = &self.topic else { return true };
        let announcement = Announcement::of(codes, self.page.as_deref());
        match topic.publish(announcement, deadline).await {
            Outcome::Sent => true,
            Outcome::NotSent(error) => {
                tracing::error!(error, "new codes are not announced; the next run tries again");
                false
            }
            Outcome::Unknown(error) => {
                tracing::error!(error, "new codes may not have been announced; they are not sent twice");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operator_asks_for_a_rebuild() {
        for (event, rebuild) in [
            (r#"{"rebuild":true}"#, true),
            (r#"{"rebuild":false}"#, false),
            (r#"{"rebuild":"yes"}"#, false),
            (r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#, false),
            ("null", false),
            ("[1]", false),
        ] {
            assert_eq!(
                serde_json::from_str::<Event>(event).expect("any JSON is an event"),
                Event { rebuild },
                "{event}"
            );
        }
    }
}
