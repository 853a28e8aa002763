//! `./dev device-test` on a client of this repository.

use std::ffi::OsStr;

use tokio::process::Command;

use crate::harness::binaries;

/// Runs all scenarios on a client: a program and its arguments.
pub(super) async fn keeps_all_rules(client: &[&OsStr]) {
    let output = Command::new(binaries().join("lab"))
        .args(["device-test", "--"])
        .args(client)
        .output()
        .await
        .expect("the command can be started");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.ends_with("the client keeps the rules in all 16 scenarios\n"), "{table}");
}
