//! The tables of the report.

use crate::client::Counts;
use crate::figures::{grouped, rounded};
use crate::load::consumer::{Comparison, Speed};
use crate::load::report::Report;
use crate::load::step::Step;
use crate::load::watch::Cost;
use crate::table::{self, Table, indented};
use crate::testbed::StoreName;

impl table::Report for Report {
    fn is_good(&self) -> bool {
        self.broken_promises().is_empty()
    }

    fn to_table(&self) -> String {
        let Self { database, cores, clients, .. } = self;
        let [steps, burst, comparisons] = [steps(self), burst(self), comparisons(self)].map(|table| table.aligned());
        let answers = self.steps.iter().map(|step| &step.answers).chain([&self.burst.answers]);
        let errors = indented(answers.flat_map(|answers| &answers.errors_shown));
        let verdict = self.verdict();
        format!("{database}, {cores} cores, {clients} clients\n\n{steps}\n{burst}\n{comparisons}{errors}\n{verdict}\n")
    }
}

/// A row for each mode and size of batch.
pub(crate) fn steps(report: &Report) -> Table {
    let is_mysql = report.store == StoreName::Mysql;
    let head = [
        "mode",
        "codes a batch",
        "accepted/s",
        "stored/s",
        "answer p50 ms",
        "p99 ms",
        if is_mysql { "database µs a row" } else { "write units a code" },
        if is_mysql { "connections" } else { "retries" },
        "answers",
    ];
    let row = |step: &Step| {
        [
            step.mode.name().to_owned(),
            grouped(step.codes_per_batch),
            rounded(step.accepted_per_second),
            rounded(step.stored_per_second),
            format!("{:.1}", step.p50_ms),
            format!("{:.1}", step.p99_ms),
            of_row(step.cost),
            step.connections.or(step.cost.retries).map_or_else(none, |count| count.to_string()),
            statuses(&step.answers),
        ]
    };
    Table::new(head, &[], report.steps.iter().map(row))
}

/// A row for each figure of the burst.
pub(crate) fn burst(report: &Report) -> Table {
    let burst = &report.burst;
    let mut rows = vec![
        ("codes accepted / stored", format!("{} / {}", grouped(burst.accepted), grouped(burst.stored))),
        ("answers", statuses(&burst.answers)),
        ("accepted after", format!("{:.1} s", burst.seconds_until_accepted)),
        ("stored after", format!("{:.1} s", burst.seconds_until_stored)),
        ("answer p50 / p99", format!("{:.0} / {:.0} ms", burst.p50_ms, burst.p99_ms)),
        ("largest backlog", format!("{} messages", burst.largest_backlog)),
        ("worst lag", format!("{:.1} s", burst.worst_lag_seconds)),
    ];
    rows.extend(burst.connections.map(|connections| ("connections", connections.to_string())));
    let head = format!(
        "burst of {} codes in batches of {}, {} clients, {} environments",
        grouped(burst.codes),
        burst.codes_per_batch,
        burst.clients,
        burst.environments
    );
    Table::new([&head, ""], &[], rows.into_iter().map(|(what, value)| [what.to_owned(), value]))
}

/// A row for each size of event and number of connections.
pub(crate) fn comparisons(report: &Report) -> Table {
    if report.store == StoreName::Dynamodb {
        return alone(report);
    }
    let head = [
        "messages × codes",
        "event MB",
        "connections",
        "store-logs rows/s",
        "bare INSERT rows/s",
        "ratio",
        "with the ledger's rows",
        "database µs a row",
        "bare",
        "memory MB",
    ];
    let row = |comparison: &Comparison| {
        [
            format!("{} × {}", grouped(comparison.messages), comparison.codes_per_message),
            format!("{:.1}", comparison.event_megabytes),
            comparison.connections.to_string(),
            rounded(comparison.store_logs.rows_per_second),
            comparison.bare_statement.map_or_else(none, |bare| rounded(bare.rows_per_second)),
            comparison.ratio.map_or_else(none, |ratio| format!("{ratio:.2}{}", mark(comparison.is_fast()))),
            comparison.ratio_with_ledger.map_or_else(none, |ratio| format!("{ratio:.2}")),
            of_row(comparison.store_logs.cost),
            comparison.bare_statement.map_or_else(none, |bare| of_row(bare.cost)),
            format!("{:.0}{}", comparison.peak_megabytes, mark(comparison.is_small())),
        ]
    };
    Table::new(head, &[], report.comparisons.iter().map(row))
}

/// The same on DynamoDB, where there is no bare statement to compare with.
fn alone(report: &Report) -> Table {
    let head = [
        "messages × codes",
        "event MB",
        "environments",
        "store-logs codes/s",
        "write units a code",
        "retries",
        "memory MB",
    ];
    let row = |comparison: &Comparison| {
        let Speed { rows_per_second, cost } = comparison.store_logs;
        [
            format!("{} × {}", grouped(comparison.messages), comparison.codes_per_message),
            format!("{:.1}", comparison.event_megabytes),
            comparison.connections.to_string(),
            rounded(rows_per_second),
            format!("{}{}", of_row(cost), mark(comparison.is_cheap())),
            cost.retries.map_or_else(none, |retries| retries.to_string()),
            format!("{:.0}{}", comparison.peak_megabytes, mark(comparison.is_small())),
        ]
    };
    Table::new(head, &[], report.comparisons.iter().map(row))
}

fn mark(is_met: bool) -> &'static str {
    if is_met { "" } else { " ✗" }
}

fn none() -> String {
    "-".to_owned()
}

/// Microseconds of the database, or write units.
fn of_row(cost: Cost) -> String {
    let units = cost.write_units_per_row.map(|units| format!("{units:.3}"));
    units.or(cost.database_us_per_row.map(|time| format!("{time:.0}"))).unwrap_or_else(none)
}

fn statuses(answers: &Counts) -> String {
    answers.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn the_last_line_is_the_verdict() {
        let text = table::Report::to_table(&report());
        assert!(
            text.ends_with("\nAll 4200 codes that were accepted are stored, each once. All targets are met.\n"),
            "{text}"
        );
    }
}
