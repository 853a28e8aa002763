//! The figures, the promises and the targets.

use std::fmt::Write;

use serde::Serialize;

use crate::load::burst::Burst;
use crate::load::consumer::Comparison;
use crate::load::step::Step;
use crate::testbed::StoreName;

/// The minimum for the rows per second of store-logs, divided by those of the bare statement.
const RATIO: f64 = 0.7;

/// The maximum on DynamoDB, in write units for a message of one code without a key of the client.
const UNITS: f64 = 0.2;

/// The maximum for store-logs, in megabytes, with [`FULL_EVENT`] messages of [`FULL_MESSAGE`] codes.
const MEMORY: f64 = 128.0;
const FULL_EVENT: usize = 10_000;
const FULL_MESSAGE: usize = 10;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether the figures mean nothing.
    pub(crate) is_quick: bool,
    #[serde(skip)]
    pub(crate) store: StoreName,
    pub(crate) database: String,
    pub(crate) cores: usize,
    pub(crate) clients: usize,
    pub(crate) rounds: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) burst: Burst,
    pub(crate) comparisons: Vec<Comparison>,
}

impl Report {
    /// A sentence for each broken promise.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut check = |what: &str, accepted: u64, stored: u64, errors: u64| {
            if accepted != stored {
                broken.push(format!("{what}: {accepted} codes accepted and {stored} stored"));
            }
            if errors > 0 {
                broken.push(format!("{what}: {errors} answers that are not documented"));
            }
        };
        for step in &self.steps {
            let what = format!("{} mode, batches of {}", step.mode.name(), step.codes_per_batch);
            check(&what, step.accepted, step.stored, step.answers.errors);
        }
        let burst = &self.burst;
        check("burst", burst.accepted, burst.stored, burst.answers.errors);
        if burst.accepted != burst.codes {
            broken.push(format!("burst: {} of {} codes accepted", burst.accepted, burst.codes));
        }
        broken
    }

    /// A sentence for each missed target. These depend on the machine, so they do not fail the run.
    fn missed_targets(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for comparison in &self.comparisons {
            let Comparison { codes_per_message, connections, ratio, peak_megabytes, .. } = comparison;
            if !comparison.is_fast() {
                let ratio = ratio.unwrap_or(f64::NAN);
                missed.push(format!(
                    "{ratio:.2} × the bare statement, not {RATIO} (codes a message: {codes_per_message}, connections: \
                     {connections})"
                ));
            }
            if !comparison.is_cheap() {
                let units = comparison.store_logs.cost.write_units_per_row.unwrap_or(f64::NAN);
                missed.push(format!("{units:.2} write units a code, not {UNITS}"));
            }
            if !comparison.is_small() {
                missed.push(format!("{peak_megabytes:.0} MB of memory, not {MEMORY}"));
            }
        }
        missed
    }

    /// The last line of the report.
    pub(crate) fn verdict(&self) -> String {
        let (broken, missed) = (self.broken_promises(), self.missed_targets());
        let stored: u64 = self.steps.iter().map(|step| step.stored).sum::<u64>() + self.burst.stored;
        let mut verdict = if broken.is_empty() {
            format!("All {stored} codes that were accepted are stored, each once.")
        } else {
            format!("FAILED: {}.", broken.join("; "))
        };
        // Writing to a String cannot fail.
        let _ = match missed.len() {
            _ if self.is_quick => Ok(()),
            0 => write!(verdict, " All targets are met."),
            count => write!(verdict, " {count} targets are missed: {}.", missed.join("; ")),
        };
        verdict
    }
}

impl Comparison {
    /// A missing figure (NaN) misses the target.
    pub(crate) fn is_fast(&self) -> bool {
        self.ratio.is_none_or(|ratio| ratio >= RATIO)
    }

    /// Only messages of one code have a target.
    pub(crate) fn is_cheap(&self) -> bool {
        let units = self.store_logs.cost.write_units_per_row;
        self.codes_per_message != 1 || units.is_none_or(|units| units <= UNITS)
    }

    /// Only full events have a target.
    pub(crate) fn is_small(&self) -> bool {
        let has_limit = self.messages == FULL_EVENT && self.codes_per_message == FULL_MESSAGE;
        !has_limit || self.peak_megabytes <= MEMORY
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::client::Counts;
    use crate::load::burst::Sample;
    use crate::load::consumer::Speed;
    use crate::load::mode::Mode;
    use crate::load::watch::Cost;

    use super::*;

    /// Figures of a run that went well.
    pub(crate) fn report() -> Report {
        let step = |mode, codes_per_batch| Step {
            mode,
            codes_per_batch,
            accepted: 1_000,
            stored: 1_000,
            accepted_per_second: 2_000.0,
            stored_per_second: 1_500.0,
            p50_ms: 1.0,
            p99_ms: 9.0,
            cost: Cost { database_us_per_row: Some(70.0), ..Cost::default() },
            connections: Some(8),
            answers: Counts::default(),
        };
        let sample = |second, accepted, stored| Sample { second, accepted, stored, backlog: 5, lag_seconds: second };
        let cost = Cost { database_us_per_row: Some(20.0), ..Cost::default() };
        let speed = Speed { rows_per_second: 50_000.0, cost };
        Report {
            is_quick: false,
            store: StoreName::Mysql,
            database: "a server".to_owned(),
            cores: 2,
            clients: 8,
            rounds: 3,
            steps: Mode::ALL.into_iter().flat_map(|mode| [step(mode, 1), step(mode, 1_000)]).collect(),
            burst: Burst {
                codes: 200,
                codes_per_batch: 100,
                clients: 2,
                environments: 2,
                accepted: 200,
                stored: 200,
                seconds_until_accepted: 1.0,
                seconds_until_stored: 2.0,
                p50_ms: 1.0,
                p99_ms: 9.0,
                largest_backlog: 5,
                worst_lag_seconds: 2.0,
                connections: Some(2),
                answers: Counts::default(),
                samples: vec![sample(0.0, 0, 0), sample(1.0, 200, 100), sample(2.0, 200, 200)],
            },
            comparisons: vec![Comparison {
                messages: FULL_EVENT,
                codes_per_message: FULL_MESSAGE,
                event_megabytes: 14.0,
                connections: 1,
                store_logs: speed,
                bare_statement: Some(speed),
                ratio: Some(1.0),
                ratio_with_ledger: Some(1.1),
                peak_megabytes: 100.0,
            }],
        }
    }

    #[test]
    fn lost_doubled_and_undocumented_answers_break_a_promise() {
        assert_eq!(report().broken_promises(), Vec::<String>::new());
        let mut bad = report();
        bad.steps[0].stored = 999;
        bad.steps[1].stored = 1_001;
        bad.steps[2].answers.errors = 1;
        bad.burst.accepted = 100;
        bad.burst.stored = 100;
        assert_eq!(bad.broken_promises().len(), 4, "{:?}", bad.broken_promises());
        assert!(bad.verdict().starts_with("FAILED: direct mode, batches of 1: 1000 codes accepted and 999 stored;"));
    }

    #[test]
    fn a_missed_target_is_named_but_breaks_no_promise() {
        let mut slow = report();
        slow.comparisons[0].ratio = Some(0.69);
        slow.comparisons[0].peak_megabytes = 129.0;
        assert_eq!((slow.missed_targets().len(), slow.broken_promises().len()), (2, 0));
        slow.comparisons[0].ratio = Some(f64::NAN);
        slow.comparisons[0].messages = 100;
        assert_eq!(slow.missed_targets().len(), 1);
        assert!(report().verdict().ends_with("All targets are met."));
        slow.comparisons[0].ratio = None;
        slow.comparisons[0].codes_per_message = 1;
        slow.comparisons[0].store_logs.cost.write_units_per_row = Some(0.3);
        assert!(
            slow.verdict().ends_with("1 targets are missed: 0.30 write units a code, not 0.2."),
            "{}",
            slow.verdict()
        );
    }
}
