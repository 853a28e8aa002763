//! The figures, as a table for people and as JSON for machines.

use serde::Serialize;

use crate::figures;
use crate::table::{self, Table};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    server: String,
    cores: usize,
    rounds: u32,
    lines: Vec<Line>,
}

/// One figure, what it is compared with, and what it should be.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    what: String,
    unit: Unit,
    value: f64,
    compared_with: Option<Base>,
    /// What follows from the comparison.
    result: Option<Amount>,
    /// What the result must not exceed; the value itself where there is no result.
    target: Option<Amount>,
    met: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Base {
    what: String,
    value: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    Milliseconds,
    /// Of 1,000,000 bytes.
    Megabytes,
    /// Rows in a second.
    PerSecond,
    WriteUnits,
    ReadUnits,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Amount {
    Times(f64),
    More(f64),
    Value(f64),
    /// The only one that must not be fallen below.
    AtLeast(f64),
}

impl table::Report for Report {
    /// A target that is missed is a mark in the table.
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
        let missed: Vec<_> =
            self.lines.iter().filter(|line| line.met == Some(false)).map(|line| line.what.as_str()).collect();
        match missed.len() {
            0 => format!("All {targets} targets are met."),
            count => format!("{count} of {targets} targets are missed: {}.", missed.join("; ")),
        }
    }
}

impl Line {
    pub(crate) fn milliseconds(what: String, value: f64) -> Self {
        Self::new(what, Unit::Milliseconds, value)
    }

    pub(crate) fn megabytes(what: String, value: f64) -> Self {
        Self::new(what, Unit::Megabytes, value)
    }

    pub(crate) fn per_second(what: String, value: f64) -> Self {
        Self::new(what, Unit::PerSecond, value)
    }

    /// Of DynamoDB.
    pub(crate) fn write_units(what: String, value: f64) -> Self {
        Self::new(what, Unit::WriteUnits, value)
    }

    /// Of DynamoDB.
    pub(crate) fn read_units(what: String, value: f64) -> Self {
        Self::new(what, Unit::ReadUnits, value)
    }

    fn new(what: String, unit: Unit, value: f64) -> Self {
        Self { what, unit, value, compared_with: None, result: None, target: None, met: None }
    }

    /// What it is compared with, in the same unit.
    pub(crate) fn against(self, what: &str, value: f64) -> Self {
        Self { compared_with: Some(Base { what: what.to_owned(), value }), ..self }
    }

    /// The result is how many times as much it is; without a target.
    pub(crate) fn times(self) -> Self {
        Self { result: Some(Amount::Times(self.value / self.base())), ..self }
    }

    /// The same with a target.
    pub(crate) fn at_most_times(self, limit: f64) -> Self {
        self.times().judged(Amount::Times(limit))
    }

    /// The result is how much more it is.
    pub(crate) fn more(self) -> Self {
        Self { result: Some(Amount::More(self.value - self.base())), ..self }
    }

    /// The same with a target.
    pub(crate) fn at_most_more(self, limit: f64) -> Self {
        self.more().judged(Amount::More(limit))
    }

    /// The value itself has a target.
    pub(crate) fn at_most(self, limit: f64) -> Self {
        self.judged(Amount::Value(limit))
    }

    /// The value itself must reach something.
    pub(crate) fn at_least(self, limit: f64) -> Self {
        self.judged(Amount::AtLeast(limit))
    }

    fn judged(self, target: Amount) -> Self {
        let result = self.result.unwrap_or(Amount::Value(self.value)).number();
        let met = match target {
            Amount::AtLeast(limit) => result >= limit,
            Amount::Times(limit) | Amount::More(limit) | Amount::Value(limit) => result <= limit,
        };
        Self { target: Some(target), met: Some(met), ..self }
    }

    fn base(&self) -> f64 {
        self.compared_with.as_ref().map_or(f64::NAN, |base| base.value)
    }

    fn cells(&self) -> [String; 7] {
        let symbol = self.unit.symbol();
        let result = |amount: &Amount| match amount {
            Amount::Times(times) => format!("{times:.2} ×"),
            Amount::More(more) => format!("{more:+.3} {symbol}"),
            Amount::Value(value) | Amount::AtLeast(value) => self.unit.show(*value),
        };
        let target = |amount: &Amount| match amount {
            Amount::Times(times) => format!("≤ {times} ×"),
            Amount::More(more) => format!("≤ {more:+} {symbol}"),
            Amount::Value(value) => format!("≤ {value} {symbol}"),
            Amount::AtLeast(value) => format!("≥ {}", self.unit.show(*value)),
        };
        let (compared_with, base) =
            self.compared_with.as_ref().map(|base| (base.what.clone(), self.unit.show(base.value))).unwrap_or_default();
        [
            self.what.clone(),
            self.unit.show(self.value),
            compared_with,
            base,
            self.result.as_ref().map(result).unwrap_or_default(),
            self.target.as_ref().map(target).unwrap_or_default(),
            self.met.map(|met| if met { "✓" } else { "✗" }).unwrap_or_default().to_owned(),
        ]
    }
}

impl Amount {
    fn number(self) -> f64 {
        match self {
            Self::Times(number) | Self::More(number) | Self::Value(number) | Self::AtLeast(number) => number,
        }
    }
}

impl Unit {
    fn symbol(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
            Self::PerSecond => "/s",
            Self::WriteUnits => "write units",
            Self::ReadUnits => "read units",
        }
    }

    fn show(self, value: f64) -> String {
        let symbol = self.symbol();
        match self {
            Self::Milliseconds => format!("{value:.3} {symbol}"),
            Self::Megabytes => format!("{value:.2} {symbol}"),
            Self::PerSecond => format!("{}{symbol}", figures::rounded(value)),
            Self::WriteUnits | Self::ReadUnits => format!("{value:.1} {symbol}"),
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
    fn a_figure_that_could_not_be_had_meets_no_target() {
        assert_eq!(line(f64::NAN).at_most_times(1.5).met, Some(false));
    }
}
