//! `./dev device-test`: a client that keeps the rules passes; each broken rule is named.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::harness::{binaries, temporary_folder};

async fn judge_script(options: &[&str], script: &str) -> (Output, String) {
    let folder = temporary_folder();
    let client = folder.path().join("client");
    std::fs::write(&client, format!("set -u\n{script}\n")).expect("the folder can be written");
    judge(options, &["sh".as_ref(), client.as_os_str()]).await
}

/// Tests `client_with_a_fault.py` with this fault, in the scenarios whose name contains `only`.
async fn judge_fault(fault: &str, only: &str) -> (Output, String) {
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/commands/client_with_a_fault.py");
    judge(&["--only", only], &["python3".as_ref(), "-B".as_ref(), client.as_ref(), fault.as_ref()]).await
}

async fn judge(options: &[&str], client: &[&OsStr]) -> (Output, String) {
    let output = Command::new(binaries().join("lab"))
        .arg("device-test")
        .args(options)
        .arg("--")
        .args(client)
        .current_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")))
        .output()
        .await
        .expect("the command can be started");
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, table)
}

#[tokio::test]
async fn send_batch_keeps_every_rule_that_needs_no_storage() {
    let script = "API_KEY=$ERROR_CODES_API_KEY exec examples/send-batch $ERROR_CODES_URL";
    let (output, table) = judge_script(&["--without-storage"], script).await;
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.ends_with("the client keeps the rules in all 21 scenarios\n"), "{table}");
}

#[tokio::test]
async fn every_rule_that_a_client_breaks_is_named() {
    // It makes up a key for each try, trusts any server, never waits, and loses everything when it ends.
    let script = r#"
        batch=$(cat)
        for try in 1 2 3; do
          key=$(cat /proc/sys/kernel/random/uuid)
          curl --silent --insecure --max-time 2 --output /dev/null --data-binary "$batch" \
            --header "x-api-key: $ERROR_CODES_API_KEY" --header "Idempotency-Key: $key" "$ERROR_CODES_URL" && exit 0
        done"#;
    let (output, table) = judge_script(&[], script).await;
    assert_eq!(output.status.code(), Some(1), "{table}");
    for (scenario, broken) in [
        ("throttled (429)", "25 of 25 codes were lost"),
        ("cut after the commit", "25 of 25 codes were stored twice"),
        ("cut after the commit", "the same code was sent under two keys"),
        ("captive portal", "25 of 25 codes were lost"),
        ("wrong certificate", "it sent its API key to a server with a wrong certificate"),
        ("kill -9 before the commit", "25 of 25 codes were lost"),
    ] {
        let line = table.lines().find(|line| line.contains(scenario)).expect("each scenario has a line");
        assert!(line.starts_with("FAIL") && line.contains(broken), "{line}");
    }
    assert!(table.lines().any(|line| line.starts_with("ok") && line.contains("healthy")), "{table}");
}

#[tokio::test]
async fn a_client_that_does_nothing_passes_no_scenario() {
    let (output, table) = judge(&[], &["true".as_ref()]).await;
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.ends_with("the client breaks rules in 24 of 24 scenarios (docs/devices.md)\n"), "{table}");
}

#[tokio::test]
async fn a_name_of_no_scenario_is_an_error() {
    let (output, _) = judge(&["--only", "nothing of the kind"], &["true".as_ref()]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no scenario is chosen"), "{said}");
}

#[tokio::test]
async fn the_client_with_the_faults_keeps_every_rule_without_one() {
    let (output, table) = judge_fault("none", "").await;
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_client_that_sends_single_codes_can_keep_every_rule() {
    for only in ["one record rejected", "refused for good (400)"] {
        let (output, table) = judge_fault("single-codes", only).await;
        assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The fault, the scenario that reveals it, and the verdict.
const FAULTS: [(&str, &str, &str); 15] = [
    ("gives-up-after-503", "store away (503)", "20 of 25 codes were lost"),
    ("new-key-for-each-try", "cut after the commit", "the same code was sent under two keys"),
    ("changes-the-body", "throttled (429)", "another body was sent under the same key"),
    ("ignores-retry-after", "throttled (429)", "and Retry-After said 2 s"),
    ("drops-what-is-throttled", "device over its rate (429)", "20 of 25 codes were lost"),
    ("drops-on-409", "key in flight (409)", "10 of 25 codes were lost"),
    ("trusts-a-portal", "captive portal", "10 of 25 codes were lost"),
    ("follows-redirects", "redirect (302, 307)", "it followed a redirect"),
    ("checks-no-certificate", "wrong certificate", "it sent its API key to a server with a wrong certificate"),
    ("never-pauses", "no Retry-After", "it tried again and again without a pause"),
    ("short-timeout", "slow response", "it did not wait for a slow response"),
    ("repeats-after-202", "queued (202)", "a batch was sent again after it was acknowledged"),
    ("repeats-after-413", "too large (413)", "a batch was sent again after it was refused for good"),
    ("drops-on-a-page-of-a-proxy", "page of a proxy (400)", "10 of 25 codes were lost"),
    ("one-code-then-gives-up", "refused for good (400)", "24 of 25 codes were lost"),
];

#[tokio::test]
async fn each_fault_is_found_and_named() {
    for (fault, scenario, broken) in FAULTS {
        let (output, table) = judge_fault(fault, scenario).await;
        let line = table.lines().next().unwrap_or_default();
        let is_found = line.starts_with("FAIL") && line.contains(scenario) && line.contains(broken);
        assert!(is_found, "{fault}: {table}{}", String::from_utf8_lossy(&output.stderr));
    }
}
