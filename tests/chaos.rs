//! A short `./dev chaos`: the command itself counts, and fails when anything is lost or doubled.

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{TemporaryFolder, binaries};

#[tokio::test]
async fn nothing_is_lost_and_nothing_doubled_while_everything_breaks() {
    let folder = TemporaryFolder::new();
    let report = folder.0.join("report.json");
    let output = Command::new(binaries().join("chaos"))
        .args(["--seconds", "15", "--seed", "1", "--clients", "4", "--json"])
        .arg(&report)
        .output()
        .await
        .expect("chaos can be run");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).expect("it writes a report")).expect("JSON");
    // Faults happened, and work went on under them.
    for part in ["acknowledged_with_key", "acknowledged_without_key"] {
        assert!(report["codes"][part].as_u64().is_some_and(|codes| codes > 0), "{part}: {said}");
    }
    assert!(report["faults"].as_u64().is_some_and(|faults| faults > 1), "{said}");
}
