//! The figures as tables: for a terminal, and for a document in Markdown.

use crate::load::report::Report;
use crate::load::step::Step;

/// Rows of cells; the first one is the head.
pub(crate) struct Table(Vec<Vec<String>>);

/// For a terminal; the last line is the verdict.
pub(crate) fn of(report: &Report) -> String {
    let mut text = format!("{}, {} cores, {} clients\n\n", report.database, report.cores, report.clients);
    text += &steps(report).aligned();
    text += "\n";
    text += &burst(report).aligned();
    text += "\n";
    text += &comparisons(report).aligned();
    let shown = report.steps.iter().map(|step| &step.answers).chain([&report.burst.answers]);
    for error in shown.flat_map(|answers| &answers.errors_shown) {
        text.extend(["  ", error, "\n"]);
    }
    text + "\n" + &report.verdict() + "\n"
}

/// A line for each mode and size of batch.
pub(crate) fn steps(report: &Report) -> Table {
    let head = [
        "mode",
        "codes a batch",
        "accepted/s",
        "stored/s",
        "answer p50 ms",
        "p99 ms",
        "database µs a row",
        "connections",
        "answers",
    ];
    let row = |step: &Step| {
        vec![
            step.mode.name().to_owned(),
            thousands(step.codes_per_batch),
            rounded(step.accepted_per_second),
            rounded(step.stored_per_second),
            format!("{:.1}", step.p50_ms),
            format!("{:.1}", step.p99_ms),
            format!("{:.0}", step.database_us_per_row),
            step.connections.to_string(),
            step.answers
                .statuses
                .iter()
                .map(|(status, count)| format!("{count} × {status}"))
                .collect::<Vec<_>>()
                .join(", "),
        ]
    };
    Table::new(&head, report.steps.iter().map(row))
}

/// A line for each figure of the burst.
pub(crate) fn burst(report: &Report) -> Table {
    let burst = &report.burst;
    let answers: Vec<_> = burst.answers.statuses.iter().map(|(status, count)| format!("{count} × {status}")).collect();
    let rows = [
        ("codes accepted / stored", format!("{} / {}", grouped(burst.accepted), grouped(burst.stored))),
        ("answers", answers.join(", ")),
        ("accepted after", format!("{:.1} s", burst.seconds_until_accepted)),
        ("stored after", format!("{:.1} s", burst.seconds_until_stored)),
        ("answer p50 / p99", format!("{:.0} / {:.0} ms", burst.p50_ms, burst.p99_ms)),
        ("largest backlog", format!("{} messages", burst.largest_backlog)),
        ("worst lag", format!("{:.1} s", burst.worst_lag_seconds)),
        ("connections", burst.connections.to_string()),
    ];
    let head = format!(
        "burst of {} codes in batches of {}, {} clients, {} environments",
        grouped(burst.codes),
        burst.codes_per_batch,
        burst.clients,
        burst.environments
    );
    Table::new(&[&head, ""], rows.map(|(what, value)| vec![what.to_owned(), value]))
}

/// A line for each size of event and number of connections.
pub(crate) fn comparisons(report: &Report) -> Table {
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
    let mark = |is_met| if is_met { "" } else { " ✗" };
    let row = |comparison: &crate::load::consumer::Comparison| {
        vec![
            format!("{} × {}", thousands(comparison.messages), comparison.codes_per_message),
            format!("{:.1}", comparison.event_megabytes),
            comparison.connections.to_string(),
            rounded(comparison.store_logs.rows_per_second),
            rounded(comparison.bare_statement.rows_per_second),
            format!("{:.2}{}", comparison.ratio, mark(comparison.is_fast())),
            format!("{:.2}", comparison.ratio_with_ledger),
            format!("{:.0}", comparison.store_logs.database_us_per_row),
            format!("{:.0}", comparison.bare_statement.database_us_per_row),
            format!("{:.0}{}", comparison.peak_megabytes, mark(comparison.is_small())),
        ]
    };
    Table::new(&head, report.comparisons.iter().map(row))
}

impl Table {
    fn new(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        Self(std::iter::once(head).chain(rows).collect())
    }

    /// Columns that begin in line.
    fn aligned(&self) -> String {
        let columns = self.0.first().map_or(0, Vec::len);
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.0 {
            let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            text.extend([cells.join("  ").trim_end(), "\n"]);
        }
        text
    }

    /// The same for a document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, row) in self.0.iter().enumerate() {
            text.extend(["| ", &row.join(" | "), " |\n"]);
            if index == 0 {
                text.extend(["|", &"---|".repeat(row.len()), "\n"]);
            }
        }
        text
    }
}

/// 12,345
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn thousands(number: usize) -> String {
    grouped(u64::try_from(number).unwrap_or(u64::MAX))
}

/// Two digits are more than such a figure is worth; three are shown.
fn rounded(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a magnitude is small")]
    let digits = value.abs().max(1.0).log10().floor() as i32;
    let unit = 10_f64.powi((digits - 2).max(0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is no negative number")]
    let rounded = ((value / unit).round() * unit) as u64;
    grouped(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::tests::report;

    #[test]
    fn rates_have_three_digits() {
        let shown = [0.4, 12.3, 999.4, 1_234.0, 98_765.0].map(rounded);
        assert_eq!(shown, ["0", "12", "999", "1,230", "98,800"]);
    }

    #[test]
    fn the_last_line_is_the_verdict() {
        let text = of(&report());
        assert!(
            text.ends_with("\nAll 4200 codes that were accepted are stored, each once. All targets are met.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_document_gets_a_table_of_markdown() {
        let table = Table::new(&["a", "b"], [vec!["1".to_owned(), "2".to_owned()]]);
        assert_eq!(table.markdown(), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
