//! The figures of a run in the documentation: two plots, and tables between two marks of `scaling.md`.

use std::path::Path;

use crate::error::LabError;
use crate::load::report::Report;
use crate::load::{plot, tables};

const DOCUMENT: &str = "scaling.md";

const BEGIN: &str = "<!-- ./dev load: begin -->";
const END: &str = "<!-- ./dev load: end -->";

/// Into the folder `docs/`.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<(), LabError> {
    plot::throughput(report, &folder.join("throughput.svg"))?;
    plot::burst(report, &folder.join("burst.svg"))?;
    let file = folder.join(DOCUMENT);
    let text = std::fs::read_to_string(&file).map_err(|error| LabError::NotWritten(file.clone(), error))?;
    let text = filled(&text, &figures(report)).ok_or_else(|| LabError::NoPlace(file.clone(), BEGIN, END))?;
    std::fs::write(&file, text).map_err(|error| LabError::NotWritten(file, error))
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

/// The text with other figures between the marks.
fn filled(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{figures}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_go_between_the_marks_and_the_rest_stays() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(filled(&text, "new\n"), Some(format!("a\n{BEGIN}\nnew\n{END}\nb\n")));
        assert_eq!(filled("a\n", "new\n"), None);
    }
}
