//! `clients/python`: its own tests on `CPython`, and its conduct at a gateway that misbehaves.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::device_test::keeps_all_rules;

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python")).to_owned()
}

#[tokio::test]
async fn its_own_tests_pass_on_cpython() {
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "--start-directory", "tests", "--top-level-directory", "tests"])
        .env("PYTHONPATH", folder())
        .current_dir(folder())
        .output()
        .await
        .expect("python3 can be started");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !report.contains("Ran 0 tests"), "{report}");
}

#[tokio::test]
async fn it_keeps_all_rules_over_restarts_and_with_tls() {
    let program = folder().join("examples/send_lines.py");
    keeps_all_rules(&["python3".as_ref(), "-B".as_ref(), program.as_os_str()]).await;
}
