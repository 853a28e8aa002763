//! The figures of a run in the documentation: two plots, and tables between two marks of `scaling.md`.

use std::path::Path;

use crate::error::LabError;
use crate::load::report::Report;
use crate::load::{plot, tables};
use crate::testbed::StoreName;

const DOCUMENT: &str = "scaling.md";

/// The marks of a store, and what its plots are called.
struct Place {
    begin: &'static str,
    end: &'static str,
    throughput: &'static str,
    burst: &'static str,
    how: &'static str,
}

const MYSQL: Place = Place {
    begin: "<!-- ./dev load: begin -->",
    end: "<!-- ./dev load: end -->",
    throughput: "throughput.svg",
    burst: "burst.svg",
    how: " in turn with the bare statement",
};

const DYNAMODB: Place = Place {
    begin: "<!-- ./dev load --store dynamodb: begin -->",
    end: "<!-- ./dev load --store dynamodb: end -->",
    throughput: "throughput-dynamodb.svg",
    burst: "burst-dynamodb.svg",
    how: "",
};

fn place(store: StoreName) -> &'static Place {
    match store {
        StoreName::Mysql => &MYSQL,
        StoreName::Dynamodb => &DYNAMODB,
    }
}

/// Into the folder `docs/`.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<(), LabError> {
    let place = place(report.store);
    plot::throughput(report, &folder.join(place.throughput))?;
    plot::burst(report, &folder.join(place.burst))?;
    let file = folder.join(DOCUMENT);
    let text = std::fs::read_to_string(&file).map_err(|error| LabError::NotWritten(file.clone(), error))?;
    let text = filled(&text, place, &figures(report))
        .ok_or_else(|| LabError::NoPlace(file.clone(), place.begin, place.end))?;
    std::fs::write(&file, text).map_err(|error| LabError::NotWritten(file, error))
}

fn figures(report: &Report) -> String {
    let Report { database, cores, clients, rounds, .. } = report;
    let how = place(report.store).how;
    format!(
        "{database}, {cores} cores, {clients} clients:\n\n{}\n{}\nstore-logs alone, medians of {rounds} rounds{how}:\n\n{}",
        tables::steps(report).markdown(),
        tables::burst(report).markdown(),
        tables::comparisons(report).markdown()
    )
}

/// The text with other figures between the marks.
fn filled(text: &str, place: &Place, figures: &str) -> Option<String> {
    let Place { begin, end, .. } = place;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{figures}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_go_between_the_marks_and_the_rest_stays() {
        for place in [&MYSQL, &DYNAMODB] {
            let Place { begin, end, .. } = place;
            let text = format!("a\n{begin}\nold\n{end}\nb\n");
            assert_eq!(filled(&text, place, "new\n"), Some(format!("a\n{begin}\nnew\n{end}\nb\n")));
            assert_eq!(filled("a\n", place, "new\n"), None);
        }
    }
}
