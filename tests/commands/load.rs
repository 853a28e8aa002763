//! A quick `./dev load`. The command itself counts, and fails if something is accepted and not stored.

use serde_json::Value;
use tokio::process::Command;

use crate::harness::{binaries, temporary_folder};

/// The sizes of batches, in both modes.
const BATCHES: [u64; 4] = [1, 10, 100, 1000];

#[tokio::test]
async fn accepted_codes_are_stored_in_both_modes_under_load() {
    let (report, said) = load(&[]).await;
    let steps = all_is_stored(&report, &said);
    for step in steps.iter().chain([&report["burst"]]) {
        assert!(step["connections"].as_u64().is_some_and(|connections| connections > 0), "{step}");
    }
    for step in &steps {
        // The server's statistics are on.
        assert!(step["database_us_per_row"].as_f64().is_some_and(|time| time > 0.0), "{step}");
    }
    assert!(report["comparisons"].as_array().is_some_and(|comparisons| comparisons.len() == 6), "{said}");
}

#[tokio::test]
async fn accepted_codes_are_stored_in_both_modes_under_load_on_dynamodb() {
    let (report, said) = load(&["--store", "dynamodb"]).await;
    let steps = all_is_stored(&report, &said);
    let comparisons = report["comparisons"].as_array().expect("a list");
    assert_eq!(comparisons.len(), 6, "{said}");
    for cost in steps.iter().chain(comparisons.iter().map(|comparison| &comparison["store_logs"])) {
        // A single code costs its share of a transaction; in a batch, each costs much less than a unit.
        assert!(cost["write_units_per_row"].as_f64().is_some_and(|units| units > 0.0 && units < 10.0), "{cost}");
    }
}

/// Returns the report, and the command's output.
async fn load(options: &[&str]) -> (Value, String) {
    let folder = temporary_folder();
    let report = folder.path().join("report.json");
    let output = Command::new(binaries().join("lab"))
        .args(["load", "--quick", "--json"])
        .arg(&report)
        .args(options)
        .output()
        .await
        .expect("load can be run");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&std::fs::read(report).expect("it writes a report")).expect("JSON"), said)
}

/// Checks what holds on either store. Returns the steps of both modes.
fn all_is_stored(report: &Value, said: &str) -> Vec<Value> {
    let steps = report["steps"].as_array().expect("steps");
    let sizes = |mode: &str| {
        let steps = steps.iter().filter(|step| step["mode"] == mode);
        steps.filter_map(|step| step["codes_per_batch"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!((sizes("direct"), sizes("queued")), (BATCHES.to_vec(), BATCHES.to_vec()), "{said}");
    for step in steps.iter().chain([&report["burst"]]) {
        let accepted = step["accepted"].as_u64().expect("a number");
        assert!(accepted > 0 && step["stored"] == accepted, "{step}");
        let answers = &step["answers"];
        assert_eq!(answers["errors"], 0, "{step}");
        let statuses = answers["statuses"].as_object().expect("statuses");
        assert!(statuses.keys().all(|status| ["200", "202", "429", "502"].contains(&status.as_str())), "{step}");
    }
    let burst = &report["burst"];
    assert_eq!(burst["accepted"], burst["codes"], "{said}");
    let last = burst["samples"].as_array().and_then(|samples| samples.last()).expect("samples");
    assert_eq!((&last["stored"], &last["lag_seconds"]), (&burst["codes"], &Value::from(0.0)), "{said}");
    steps.clone()
}
