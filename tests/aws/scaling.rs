//! `docs/scaling.md` shows the output of `docs/costs` and `./dev simulate`.

use std::path::Path;
use std::process::Command;

use crate::harness::binaries;

/// Asserts that the document has a program's output between these marks.
fn shows(program: &mut Command, begin: &str, end: &str) {
    let output = program.output().expect("it can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scaling.md"));
    let document = std::fs::read_to_string(document).expect("the document is there");
    let (_, rest) = document.split_once(begin).expect("the output has a place");
    let (shown, _) = rest.split_once(end).expect("its place ends");
    assert_eq!(shown, String::from_utf8_lossy(&output.stdout), "put the output of {program:?} into docs/scaling.md");
}

#[test]
fn the_costs_in_the_document_are_those_of_the_script() {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/costs"));
    let end = "```\n<!-- docs/costs: end -->\n";
    shows(&mut Command::new(script), "<!-- docs/costs: begin -->\n```text\n", end);
}

#[test]
fn the_limits_of_dynamodb_in_the_document_are_those_of_the_simulation() {
    let mut simulation = Command::new(binaries().join("lab"));
    let begin = "<!-- ./dev simulate: begin -->\n";
    shows(simulation.arg("simulate"), begin, "<!-- ./dev simulate: end -->\n");
}

/// Both use the write units of a batch.
#[test]
fn the_script_and_the_simulation_reckon_with_the_same_write_units() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scaling.md"));
    let document = document.expect("the document is there");
    let (_, simulated) = document.split_once("<!-- ./dev simulate: begin -->").expect("it has a place");
    let columns = simulated.trim_start().lines().skip(2).take(4).map(|row| row.split(" | ").collect::<Vec<_>>());
    let columns: Vec<_> = columns.collect();
    for (name, column) in [("without a key", 2), ("with a key", 3), ("of it the ledger", 4)] {
        let line = document.lines().find_map(|line| line.strip_prefix(name)).expect("docs/costs has it");
        let simulated: Vec<_> = columns.iter().map(|cells| cells[column].trim_end_matches(" |")).collect();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), simulated, "{name}");
    }
}
