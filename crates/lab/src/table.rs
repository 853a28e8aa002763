//! Tables and reports, as text and as JSON.
//!
//! Written here, because tabled pads Markdown: one changed figure would change every line.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::LabError;

/// Rows of cells. The first row is the head.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Right-aligned columns.
    numbers: &'static [usize],
}

impl Table {
    pub(crate) fn new<const N: usize>(
        head: [&str; N],
        numbers: &'static [usize],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        let head = head.map(str::to_owned).to_vec();
        Self { rows: std::iter::once(head).chain(rows.into_iter().map(Vec::from)).collect(), numbers }
    }

    /// Aligned text for a terminal.
    pub(crate) fn aligned(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let width = self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
                if self.numbers.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            text.extend([cells.collect::<Vec<_>>().join("  ").trim_end(), "\n"]);
        }
        text
    }

    /// Markdown for a document.
    pub(crate) fn markdown(&self) -> String {
        let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
        let mut lines: Vec<_> = self.rows.iter().map(line).collect();
        lines.insert(1, format!("|{}\n", "---|".repeat(self.rows[0].len())));
        lines.concat()
    }
}

/// The result of a command.
pub(crate) trait Report: Serialize {
    /// Text; the last line is the verdict.
    fn to_table(&self) -> String;

    /// Whether all promises were kept.
    fn is_good(&self) -> bool;

    /// Whether the functions' logs may show a cause.
    fn is_for_the_logs(&self) -> bool {
        !self.is_good()
    }

    /// Writes the text to standard output, and JSON to the file if there is one.
    fn write(&self, file: Option<PathBuf>) -> Result<(), LabError> {
        let mut output = std::io::stdout();
        output.write_all(self.to_table().as_bytes())?;
        output.flush()?;
        let Some(file) = file else { return Ok(()) };
        let json = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&file, json).map_err(|error| format!("{} cannot be written: {error}", file.display()).into())
    }
}

/// Indented lines below a table.
pub(crate) fn indented<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    lines.into_iter().flat_map(|line| ["  ", line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(["what", "ms"], &[1], [["a".to_owned(), "3".to_owned()], ["×".to_owned(), "30".to_owned()]])
    }

    #[test]
    fn words_are_left_aligned_and_numbers_right_aligned() {
        assert_eq!(table().aligned(), "what  ms\na      3\n×     30\n");
    }

    #[test]
    fn a_document_gets_a_markdown_table() {
        assert_eq!(table().markdown(), "| what | ms |\n|---|---|\n| a | 3 |\n| × | 30 |\n");
    }
}
