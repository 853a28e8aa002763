//! A short `./dev chaos`. The command itself counts, and fails if anything is lost or doubled.

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{binaries, temporary_folder};

/// The faults that most easily lose or double something, with their names in the report.
const KINDS: [(&str, &str); 4] = [
    ("database-killed", "database: kill -9, away, started again"),
    ("answers-lost", "connections: the database's answers lost"),
    ("connections-killed", "connections: KILL by SQL, again and again"),
    ("read-only", "database: read-only"),
];

/// The same in queued mode.
const KINDS_WITH_A_QUEUE: [(&str, &str); 4] = [
    ("database-killed", "database: kill -9, away, started again"),
    ("answers-lost", "connections: the database's answers lost"),
    ("functions-killed", "functions: kill -9 of all"),
    ("queue-frozen", "queue: frozen"),
];

/// The same on DynamoDB.
const KINDS_OF_A_TABLE: [(&str, &str); 5] = [
    ("database-killed", "database: kill -9, away, started again"),
    ("answers-lost", "connections: the database's answers lost"),
    ("functions-killed", "functions: kill -9 of all"),
    ("throttled", "table: throttled"),
    ("internal-errors", "table: answers 500, carried out or not"),
];

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_while_everything_breaks() {
    break_everything(&KINDS, &[]).await;
}

#[tokio::test]
async fn what_a_queue_acknowledged_is_stored_once_while_everything_breaks() {
    break_everything(&KINDS_WITH_A_QUEUE, &["--queued"]).await;
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_on_dynamodb_while_everything_breaks() {
    let report = break_everything(&KINDS_OF_A_TABLE, &["--store", "dynamodb"]).await;
    assert!(report["failed_calls"].as_u64() > Some(0), "{report}");
}

#[tokio::test]
async fn what_a_queue_before_dynamodb_acknowledged_is_stored_once_while_everything_breaks() {
    let report = break_everything(&KINDS_OF_A_TABLE, &["--store", "dynamodb", "--queued"]).await;
    assert!(report["failed_calls"].as_u64() > Some(0), "{report}");
}

#[tokio::test]
async fn a_fault_that_the_store_does_not_have_is_refused_by_name() {
    let arguments = ["chaos", "--store", "dynamodb", "--kinds", "throttled,read-only"];
    let output = Command::new(binaries().join("lab")).args(arguments).output().await.expect("chaos can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("database: read-only does not happen here"), "{said}");
}

async fn break_everything(kinds: &[(&str, &str)], options: &[&str]) -> Value {
    let folder = temporary_folder();
    let report = folder.path().join("report.json");
    let names: Vec<_> = kinds.iter().map(|(kind, _)| *kind).collect();
    let output = Command::new(binaries().join("lab"))
        .args(["chaos", "--seconds", "5", "--seed", "1", "--clients", "4", "--kinds", &names.join(","), "--json"])
        .arg(&report)
        .args(options)
        .output()
        .await
        .expect("chaos can be run");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).expect("it writes a report")).expect("JSON");
    // Clients were served in spite of the faults.
    for part in ["acknowledged_with_key", "acknowledged_without_key"] {
        assert!(report["codes"][part].as_u64().is_some_and(|codes| codes > 0), "{part}: {said}");
    }
    let lines = report["recoveries"].as_array().expect("a list");
    for (_, name) in kinds {
        let line = lines.iter().find(|line| line["kind"] == *name).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(line["faults"].as_u64() >= Some(1) && line["every_client"].is_object(), "{name}: {said}");
    }
    assert_eq!(report["not_recovered"], 0, "{said}");
    report
}
