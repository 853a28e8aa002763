//! cfn-lint and checkov find nothing in the template.

use std::process::Command;

use crate::harness::{Project, Template, temporary_folder, variants};

fn run(command: &mut Command) {
    let output = command.output().expect("it can be started");
    let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{report}");
}

/// The parameters that no other variant has.
fn cheap() -> Template {
    let parameters = ["databaseHours=weekdays", "budget=20", "alarmEmail=bill@example.com", "postLogKeys=1,2"];
    Project::copy().package("dev", &parameters).expect("it can be packaged")
}

/// With a canary, and warm environments behind the alias that it moves.
fn canary() -> Template {
    let parameters = ["deployment=canary", "postLogProvisioned=1", "ingestion=queued", "databaseLogin=secret"];
    Project::copy().package("prod", &parameters).expect("it can be packaged")
}

#[test]
fn cfn_lint_finds_neither_error_nor_warning() {
    let program = std::env::var("CFN_LINT").expect("CFN_LINT is not set; run ./dev test");
    let folder = temporary_folder();
    let (cheap, canary) = (cheap(), canary());
    let files = variants().into_iter().chain([&cheap, &canary]).map(|template| template.write_to(folder.path()));
    run(Command::new(program).current_dir(folder.path()).env("HOME", folder.path()).args(files));
}

#[test]
fn checkov_finds_only_exceptions_that_have_a_reason() {
    let program = std::env::var("CHECKOV").expect("CHECKOV is not set; run ./dev test");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/checkov.yml");
    let text = std::fs::read_to_string(config).expect("it is there");
    let skipped: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("- ")).collect();
    assert!(!skipped.is_empty());
    for line in skipped {
        assert!(line.split_once(" # ").is_some_and(|(_, reason)| reason.len() > 20), "why? {line}");
    }
    let folder = temporary_folder();
    let (cheap, canary) = (cheap(), canary());
    let files = variants()
        .into_iter()
        .chain([&cheap, &canary])
        .flat_map(|template| ["-f".into(), template.write_to(folder.path())]);
    run(Command::new(program)
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .args(["--config-file", config])
        .args(files));
}
