//! What the code host runs: its workflows, and the scripts in `.ci` that they call.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::binaries;

fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).to_owned()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A workflow as data. Python has a parser for YAML, which moto brought.
fn workflow(path: &Path) -> Value {
    let python = std::env::var("MOTO_PYTHON").expect("MOTO_PYTHON is not set; run ./dev test");
    let program = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output = Command::new(python).args(["-c", program]).arg(path).output().expect("python can be started");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().expect("a workflow has jobs");
    jobs.values().flat_map(|job| job["steps"].as_array().expect("a job has steps")).collect()
}

/// The word after `program` in each line that begins with it.
fn words_after(program: &str, text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("- run: "));
    let arguments = lines.filter_map(|line| line.split_once(program).filter(|(before, _)| !before.contains('#')));
    arguments.filter_map(|(_, rest)| rest.split_whitespace().next().map(str::to_owned)).collect()
}

/// The commands that `./dev help` lists.
fn commands() -> BTreeSet<String> {
    let output = Command::new(binaries().join("dev")).arg("help").output().expect("dev can be started");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = help.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

#[test]
fn every_step_of_a_workflow_runs_something_that_is_there() {
    let all = files(".github/workflows");
    assert_eq!(all.len(), 2);
    for path in all {
        let workflow = workflow(&path);
        for step in steps(&workflow) {
            let name = path.display();
            match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(action), None) => {
                    assert!(
                        action.split_once("@v").is_some_and(|(_, version)| version.parse::<u8>().is_ok()),
                        "{action}"
                    );
                }
                (None, Some(script)) => {
                    let ours = script.split_whitespace().filter(|word| word.starts_with(".ci/") || *word == "./dev");
                    for program in ours {
                        let mode = fs::metadata(root().join(program)).expect("it is there").permissions().mode();
                        assert_eq!(mode & 0o111, 0o111, "{name}: {program} can be run");
                    }
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_command_of_dev_in_a_workflow_or_a_script_exists() {
    let commands = commands();
    assert!(commands.contains("package"), "{commands:?}");
    let mut found = 0;
    for path in files(".ci").into_iter().chain(files(".github/workflows")) {
        for command in words_after("./dev ", &read(&path)) {
            assert!(commands.contains(&command), "{}: ./dev {command}", path.display());
            found += 1;
        }
    }
    assert!(found >= 4, "{found}");
}

#[test]
fn every_version_that_a_script_asks_for_is_pinned_once() {
    let pinned = read(&root().join("tools/versions"));
    for path in files(".ci") {
        let text = read(&path);
        let names =
            text.split(['$', '{', '}', '"', '@', '-', '/', ' ', '\n']).filter(|word| word.ends_with("_version"));
        for name in names {
            assert_eq!(pinned.matches(&format!("\n{name}=")).count(), 1, "{}: {name}", path.display());
        }
    }
}

fn changelog(version: &str) -> Output {
    Command::new(root().join(".ci/changelog")).arg(version).output().expect("it can be started")
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog_and_nothing_else() {
    let version = env!("CARGO_PKG_VERSION");
    let output = changelog(version);
    let notes = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(notes.contains("### Added") && !notes.contains("## ["), "{notes}");
    let output = changelog("99.0.0");
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "CHANGELOG.md has no section [99.0.0]\n");
}

#[test]
fn a_tag_of_another_version_makes_no_release() {
    let folder = crate::harness::temporary_folder();
    let release = root().join(".ci/release");
    let output = Command::new(release).arg(folder.path()).arg("v99.0.0").output().expect("it can be started");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("release: the tag is v99.0.0, and Cargo.toml says "), "{said}");
}
