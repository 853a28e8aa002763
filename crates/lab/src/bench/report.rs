//! The report of the benchmark: a table, or JSON.

use serde::Serialize;

use crate::bench::line::Line;
use crate::table::{self, Table};

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    server: String,
    cores: usize,
    rounds: u32,
    lines: Vec<Line>,
}

impl table::Report for Report {
    /// A missed target is only a mark in the table.
    fn is_good(&self) -> bool {
        true
    }

    fn to_table(&self) -> String {
        let Self { server, cores, rounds, lines } = self;
        let head = ["", "", "compared with", "", "result", "target", ""];
        let table = Table::new(head, &[1, 3, 4, 5], lines.iter().map(Line::cells)).aligned();
        format!("{server}, {cores} cores, medians of {rounds} rounds\n\n{table}\n{}\n", self.conclusion())
    }
}

impl Report {
    pub(crate) fn new(server: String, rounds: u32, lines: Vec<Line>) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self { server, cores, rounds, lines }
    }

    fn conclusion(&self) -> String {
        let targets = self.lines.iter().filter(|line| line.met.is_some()).count();
        let missed = self.lines.iter().filter(|line| line.met == Some(false));
        let missed: Vec<_> = missed.map(|line| line.what.as_str()).collect();
        match missed.len() {
            0 => format!("All {targets} targets are met."),
            count => format!("{count} of {targets} targets are missed: {}.", missed.join("; ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: f64) -> Line {
        Line::milliseconds("a call".to_owned(), value).against("nothing", 2.0)
    }

    fn table(lines: Vec<Line>) -> String {
        table::Report::to_table(&Report::new("a server".to_owned(), 3, lines))
    }

    #[test]
    fn a_target_that_is_met_has_a_tick() {
        let table = table(vec![line(3.0).at_most_times(1.5), line(3.0).at_most_more(1.0), line(3.0).at_most(3.0)]);
        assert_eq!(table.matches('✓').count(), 3, "{table}");
        assert!(table.ends_with("\nAll 3 targets are met.\n"), "{table}");
    }

    #[test]
    fn a_target_that_is_missed_has_a_cross_and_is_named_at_the_end() {
        let table = table(vec![line(3.1).at_most_times(1.5), line(2.9).at_most_more(1.0), line(9.9).times()]);
        assert_eq!((table.matches('✓').count(), table.matches('✗').count()), (1, 1), "{table}");
        assert!(table.ends_with("\n1 of 2 targets are missed: a call.\n"), "{table}");
    }

    #[test]
    fn a_rate_must_reach_its_target() {
        let rate = |value| Line::per_second("rows".to_owned(), value).at_least(200.0).met;
        assert_eq!([200.0, 199.0].map(rate), [Some(true), Some(false)]);
    }

    #[test]
    fn a_missing_figure_misses_its_target() {
        assert_eq!(line(f64::NAN).at_most_times(1.5).met, Some(false));
    }
}
