//! Writes a run into the documentation: two plots, and tables between two marks of `scaling.md`.

use std::path::Path;

use crate::error::LabError;
use crate::load::report::Report;
use crate::load::{plot, tables};

const DOCUMENT: &str = "scaling.md";

const BEGIN: &str = "<!-- ./dev load: begin -->";
const END: &str = "<!-- ./dev load: end -->";

/// Writes into the folder `docs/`.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<(), LabError> {
    plot::throughput(report, &folder.join("throughput.svg"))?;
    plot::burst(report, &folder.join("burst.svg"))?;
    let file = folder.join(DOCUMENT);
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    let text = std::fs::read_to_string(&file).map_err(failed)?;
    let missing = || format!("{} has no lines {BEGIN} and {END}, between which the figures go", file.display());
    let text = filled(&text, &figures(report)).ok_or_else(missing)?;
    Ok(std::fs::write(&file, text).map_err(failed)?)
}

fn figures(report: &Report) -> String {
    let Report { database, cores, clients, rounds, .. } = report;
    format!(
        "{database}, {cores} cores, {clients} clients:\n\n{}\n{}\nstore-logs alone, medians of {rounds} rounds in turn with \
         the bare statement:\n\n{}",
        tables::steps(report).markdown(),
        tables::burst(report).markdown(),
        tables::comparisons(report).markdown()
    )
}

/// Replaces the text between the marks.
fn filled(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{figures}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(filled(&text, "new\n"), Some(format!("a\n{BEGIN}\nnew\n{END}\nb\n")));
        assert_eq!(filled("a\n", "new\n"), None);
    }
}
