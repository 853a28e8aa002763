//! `clients/c`: its own tests, and its conduct at a gateway that misbehaves.

use std::path::Path;

use tokio::process::Command;

use crate::harness::{binaries, temporary_folder};

#[tokio::test]
async fn its_own_tests_pass_and_it_keeps_all_rules_over_restarts_and_with_tls() {
    let folder = temporary_folder();
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/c/tests/run"))
        .arg(folder.path())
        .output()
        .await
        .expect("the tests can be started");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.ends_with("all of error_codes.c passed\n"), "{report}");
    keeps_all_rules(&folder.path().join("send_lines")).await;
}

async fn keeps_all_rules(client: &Path) {
    let output = Command::new(binaries().join("lab"))
        .args(["device-test", "--"])
        .arg(client)
        .output()
        .await
        .expect("the command can be started");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.ends_with("the client keeps the rules in all 16 scenarios\n"), "{table}");
}
