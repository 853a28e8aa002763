//! `docs/scaling.md` shows what the script `docs/costs` says.

use std::path::Path;
use std::process::Command;

const BEGIN: &str = "<!-- docs/costs: begin -->\n```text\n";
const END: &str = "```\n<!-- docs/costs: end -->\n";

#[test]
fn the_costs_in_the_document_are_those_of_the_script() {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    let output = Command::new(docs.join("costs")).output().expect("docs/costs can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document = std::fs::read_to_string(docs.join("scaling.md")).expect("the document is there");
    let (_, rest) = document.split_once(BEGIN).expect("the costs have a place");
    let (shown, _) = rest.split_once(END).expect("their place ends");
    assert_eq!(shown, String::from_utf8_lossy(&output.stdout), "put the output of docs/costs into docs/scaling.md");
}
