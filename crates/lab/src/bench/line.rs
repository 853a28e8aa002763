//! One line of the benchmark's report: a figure, what it is compared with, and its target.

use serde::Serialize;

use crate::figures;

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(super) what: String,
    unit: Unit,
    value: f64,
    compared_with: Option<Base>,
    /// The outcome of the comparison.
    result: Option<Amount>,
    /// The limit of the result, or of the value itself where there is no result.
    target: Option<Amount>,
    pub(super) met: Option<bool>,
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
    /// Rows per second.
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
    /// A lower limit; the others are upper limits.
    AtLeast(f64),
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

    pub(crate) fn write_units(what: String, value: f64) -> Self {
        Self::new(what, Unit::WriteUnits, value)
    }

    pub(crate) fn read_units(what: String, value: f64) -> Self {
        Self::new(what, Unit::ReadUnits, value)
    }

    fn new(what: String, unit: Unit, value: f64) -> Self {
        Self { what, unit, value, compared_with: None, result: None, target: None, met: None }
    }

    /// Compares the figure with another, in the same unit.
    pub(crate) fn against(self, what: &str, value: f64) -> Self {
        Self { compared_with: Some(Base { what: what.to_owned(), value }), ..self }
    }

    /// The result is the ratio of the two, without a target.
    pub(crate) fn times(self) -> Self {
        Self { result: Some(Amount::Times(self.value / self.base())), ..self }
    }

    /// The same, with a target.
    pub(crate) fn at_most_times(self, limit: f64) -> Self {
        self.times().judged(Amount::Times(limit))
    }

    /// The result is the difference, without a target.
    pub(crate) fn more(self) -> Self {
        Self { result: Some(Amount::More(self.value - self.base())), ..self }
    }

    /// The same, with a target.
    pub(crate) fn at_most_more(self, limit: f64) -> Self {
        self.more().judged(Amount::More(limit))
    }

    /// The value itself has an upper limit.
    pub(crate) fn at_most(self, limit: f64) -> Self {
        self.judged(Amount::Value(limit))
    }

    /// The value itself has a lower limit.
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

    pub(super) fn cells(&self) -> [String; 7] {
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
        let base = self.compared_with.as_ref();
        let (compared_with, base) =
            base.map(|base| (base.what.clone(), self.unit.show(base.value))).unwrap_or_default();
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
