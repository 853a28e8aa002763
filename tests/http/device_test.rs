//! `./dev device-test` on a client of this repository.

use std::ffi::OsStr;

use tokio::process::Command;

use crate::harness::binaries;

/// They fit one batch of each client.
pub(super) const FEW: u32 = 25;

/// Later batches wait behind one whose fate is open.
pub(super) const MANY: u32 = 250;

/// Runs all scenarios on a client, a program and its arguments, with this many codes.
pub(super) async fn keeps_all_rules(codes: u32, client: &[&OsStr]) {
    let output = Command::new(binaries().join("lab"))
        .args(["device-test", "--codes", &codes.to_string(), "--"])
        .args(client)
        .output()
        .await
        .expect("the command can be started");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.ends_with("the client keeps the rules in all 24 scenarios\n"), "{table}");
}
