//! Keeps the summary of the codes: every log is counted exactly once, in the order of the ids.
//!
//! Ids are given out before their transactions are committed, so some appear after higher ones. An id that is missing
//! when the count passes it is kept as a gap, and each later run looks it up again. A gap is given up after an hour,
//! unless an open transaction has written into it.
//!
//! Each step is one transaction: what it adds to the summary and how far it has come are committed together. A run that
//! was killed is simply run again. Two runs at once take turns, because each step begins by locking the state.

mod announce;
mod gaps;
mod steps;

use std::time::Duration;

use self::gaps::{CountGaps, GiveUpGaps};
use self::steps::{CountNext, DeleteHours, FIRST_STEP, Lag, LargeStep, Rebuild, next_step};
use super::connection::Connections;
use super::error::MySqlError;
use super::one_transaction::InTransaction;
use crate::Deadline;

pub use announce::NewCode;
pub(super) use announce::{ClaimNewCodes, SettleClaim};
pub(super) use steps::StartRebuild;

/// No step begins with less time left.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// By default, a code that was not seen for this many days is new again.
pub const NEW_AFTER_DAYS: u16 = 30;

/// How a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The time of the run, in Unix seconds.
    pub now: i64,
    /// A code that was not seen for this many days is new again.
    pub new_after_days: u16,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SummaryReport {
    /// How many logs were counted.
    pub counted: u64,
    /// Among them, logs that were committed after later ones had been counted.
    pub late: u64,
    /// How many codes are new.
    pub new_codes: u64,
    /// How many ids are not counted yet. 0 if `complete`.
    pub backlog: u64,
    /// Seconds since all logs were counted. 0 if `complete`.
    pub lag_seconds: u64,
    /// Whether all logs are counted. Otherwise the time ran out.
    pub complete: bool,
}

/// What a step did.
#[derive(Clone, Copy, Debug)]
struct Progress {
    counted: u64,
    new_codes: u64,
    /// Where the next step continues; `None` if nothing is left.
    next: Option<u64>,
}

/// Counts new logs in steps, until all are counted or the deadline is near. The next run continues.
pub(super) async fn summarize(
    connections: &Connections,
    summary: Summary,
    deadline: Deadline,
) -> Result<SummaryReport, MySqlError> {
    let mut report = SummaryReport::default();
    let is_time_left = || deadline.remaining() > STEP_LIMIT;
    while is_time_left() && connections.run(deadline, InTransaction(Rebuild)).await? {}
    let mut next = Some(0);
    while let Some(after) = next.filter(|_| is_time_left()) {
        let step = connections.run(deadline, InTransaction(CountGaps { summary, after })).await?;
        report.add(step);
        report.late += step.counted;
        next = step.next;
    }
    let mut work = FIRST_STEP;
    while !report.complete && is_time_left() {
        let before = deadline.remaining();
        let is_large = work > FIRST_STEP;
        let step = CountNext { summary, work };
        let result = if is_large {
            connections.run(deadline.at_most(before / 2), InTransaction(LargeStep(step))).await
        } else {
            connections.run(deadline, InTransaction(step)).await
        };
        let step = match result {
            Err(error) if is_large => {
                tracing::warn!(%error, work, "a large step failed; going on in small ones");
                work = FIRST_STEP;
                continue;
            }
            step => step?,
        };
        let Some((step, done)) = step else { break };
        let left = deadline.remaining();
        work = next_step(done, before.saturating_sub(left), left);
        report.add(step);
        report.complete = step.next.is_none();
    }
    if !report.complete {
        let (backlog, complete_at) = connections.run(deadline, Lag).await?;
        report.backlog = backlog;
        report.lag_seconds = u64::try_from(summary.now - complete_at).unwrap_or(0);
    }
    while is_time_left() && connections.run(deadline, InTransaction(GiveUpGaps { now: summary.now })).await? {}
    if is_time_left() {
        connections.run(deadline, InTransaction(DeleteHours { now: summary.now })).await?;
    }
    Ok(report)
}

impl SummaryReport {
    fn add(&mut self, step: Progress) {
        self.counted += step.counted;
        self.new_codes += step.new_codes;
    }
}
