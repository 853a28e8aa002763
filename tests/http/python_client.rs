//! `clients/python` on `CPython` and `MicroPython`: its own tests, and its conduct at a gateway that misbehaves.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::device_test::{FEW, MANY, keeps_all_rules};

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python")).to_owned()
}

fn micropython() -> PathBuf {
    std::env::var_os("MICROPYTHON").expect("MICROPYTHON is set; run ./dev test").into()
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
async fn its_own_tests_pass_on_micropython() {
    let output = Command::new(micropython())
        .arg(folder().join("tests/on_micropython.py"))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("MicroPython can be started");
    let passed = String::from_utf8_lossy(&output.stdout);
    let tests = passed.lines().last().and_then(|line| line.strip_suffix(" tests passed"));
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && tests.is_some_and(|count| count != "0"), "{passed}{report}");
}

#[tokio::test]
async fn on_cpython_it_keeps_all_rules_over_restarts_and_with_tls() {
    let program = folder().join("examples/send_lines.py");
    keeps_all_rules(MANY, &["python3".as_ref(), "-B".as_ref(), program.as_os_str()]).await;
}

#[tokio::test]
async fn on_micropython_it_keeps_all_rules_over_restarts_and_with_tls() {
    let program = folder().join("examples/send_lines.py");
    keeps_all_rules(FEW, &[micropython().as_os_str(), program.as_os_str()]).await;
}
