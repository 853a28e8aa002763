//! The lines of a bill, and their number format.

use local::numbers;

/// One line: what it is, how it is computed, and dollars a month.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) name: &'static str,
    pub(super) arithmetic: String,
    pub(super) dollars: f64,
}

impl Item {
    pub(super) const fn new(name: &'static str, arithmetic: String, dollars: f64) -> Self {
        Self { name, arithmetic, dollars }
    }
}

pub(super) fn total(items: &[Item]) -> f64 {
    items.iter().map(|item| item.dollars).sum()
}

/// A line for each item, and the sum.
pub(super) fn table(items: &[Item]) -> Vec<String> {
    let width = items.iter().map(|item| item.arithmetic.chars().count()).max().unwrap_or_default();
    let line = |name: &str, arithmetic: &str, dollars: f64| format!("  {name:<22}{arithmetic:<width$}{dollars:>11.2}");
    let lines = items.iter().map(|item| line(item.name, &item.arithmetic, item.dollars));
    lines.chain([line("together", "", total(items))]).collect()
}

/// `2,628,000`, without a fraction.
pub(super) fn grouped(number: f64) -> String {
    numbers::grouped(&format!("{number:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_have_commas() {
        let texts = [0.0, 9.0, 730.0, 1_000.0, 43_800.4, 2_628_000.0].map(grouped);
        assert_eq!(texts, ["0", "9", "730", "1,000", "43,800", "2,628,000"]);
    }

    #[test]
    fn a_table_ends_with_its_sum() {
        let items = [Item::new("alarms", "3 x 0.10".to_owned(), 0.3), Item::new("secrets", "1 x 0.40".to_owned(), 0.4)];
        let lines = table(&items);
        assert_eq!(lines[0], "  alarms                3 x 0.10       0.30");
        assert_eq!(lines[2], "  together                             0.70");
    }
}
