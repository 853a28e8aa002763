//! `clients/c`: its own tests, and its conduct at a gateway that misbehaves.

use tokio::process::Command;

use super::device_test::{FEW, keeps_all_rules};
use crate::harness::temporary_folder;

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
    keeps_all_rules(FEW, &[folder.path().join("send_lines").as_os_str()]).await;
}
