//! `./dev device-test`: a client that keeps the rules passes, and each rule that another one breaks is named.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use crate::harness::{binaries, temporary_folder};

async fn judge(options: &[&str], script: &str) -> (Output, String) {
    let folder = temporary_folder();
    let client = folder.path().join("client");
    std::fs::write(&client, format!("set -u\n{script}\n")).expect("the folder can be written");
    let output = Command::new(binaries().join("lab"))
        .arg("device-test")
        .args(options)
        .args(["--", "sh"])
        .arg(client)
        .env("PAUSE", "0")
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
    let (output, table) = judge(&["--without-storage"], script).await;
    assert!(output.status.success(), "{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(table.ends_with("the client keeps the rules in all 13 scenarios\n"), "{table}");
}

#[tokio::test]
async fn every_rule_that_a_client_breaks_is_named() {
    // It makes up a key for each try, trusts everybody, waits for nothing, and forgets all when it ends.
    let script = r#"
        batch=$(cat)
        for try in 1 2 3; do
          key=$(cat /proc/sys/kernel/random/uuid)
          curl --silent --insecure --max-time 2 --output /dev/null --data-binary "$batch" \
            --header "x-api-key: $ERROR_CODES_API_KEY" --header "Idempotency-Key: $key" "$ERROR_CODES_URL" && exit 0
        done"#;
    let (output, table) = judge(&[], script).await;
    assert_eq!(output.status.code(), Some(1), "{table}");
    for (scenario, broken) in [
        ("throttled (429)", "25 of 25 codes were lost"),
        ("cut after the commit", "25 of 25 codes were stored twice"),
        ("cut after the commit", "the same code was sent under two keys"),
        ("captive portal", "25 of 25 codes were lost"),
        ("wrong certificate", "it sent its API key to a server with a wrong certificate"),
        ("power cut before the commit", "25 of 25 codes were lost"),
    ] {
        let line = table.lines().find(|line| line.contains(scenario)).expect("each scenario has a line");
        assert!(line.starts_with("FAIL") && line.contains(broken), "{line}");
    }
    assert!(table.lines().any(|line| line.starts_with("ok") && line.contains("healthy")), "{table}");
}
