//! The dashboard page in a real browser; what is done there is in `tests/browser/page.py`.

use std::path::Path;

use logs_core::clock;
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Database, Product, binaries, record, until};

/// A browser and a service of its own for each scenario.
async fn play(scenario: &str) {
    play_on(&Product::start(&Database::migrated().await).await, scenario).await;
}

async fn play_on(product: &Product, scenario: &str) {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run ./dev test"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pictures = tests.join("../target/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder can be made");
    let (get, post) = (&product.endpoints.get, &product.endpoints.post);
    let output = Command::new(variable("BROWSER_PYTHON"))
        .arg("-B")
        .arg(tests.join("browser/page.py"))
        .args([scenario, get.page(), &get.api_key, &post.url, &post.api_key, &variable("CHROMIUM")])
        .arg(pictures)
        .output()
        .await
        .expect("python can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            play(stringify!($name)).await;
        }
    )*};
}

scenarios! {
    a_wrong_key_is_refused_and_the_right_one_is_kept_for_the_tab,
    a_new_code_appears_by_itself_and_is_marked,
    a_code_and_a_device_lead_to_their_logs_and_the_address_can_be_shared,
    the_codes_of_a_day_and_a_week_are_counted,
    the_name_of_a_device_is_only_text,
    devices_without_a_clock_and_with_a_wrong_one_are_marked,
    trouble_cannot_be_mistaken_for_quiet,
    it_asks_once_a_poll_and_sends_the_tag_of_the_answer_that_it_has,
    nobody_is_kept_out,
}

#[tokio::test]
async fn a_fleet_with_a_history_is_seen_at_a_glance() {
    let database = Database::migrated().await;
    let now = clock::unix_seconds();
    // The usual codes of the last day; what is new comes with the demonstration.
    for hour in (1..24).rev() {
        let usual = |number: i64| match (number + hour) % 10 {
            0..6 => 107,
            6..8 => 12,
            8 => 205,
            _ => -3,
        };
        let codes: Vec<_> = (0..40 + hour % 7 * 5).map(|n| record(&format!("pump-{n:03}"), usual(n), now)).collect();
        database.insert(&json!(codes), now - hour * 3600).await;
    }
    database.insert(&json!([record("pump-001", 31, now), record("pump-001", 107, now)]), now - 3 * 86_400).await;
    for code in [12, 205, -3] {
        database.insert(&json!([record("pump-001", code, now)]), now - 3 * 86_400).await;
    }
    let names = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/codes.json");
    let product = Product::start_with_arguments(&database, &["--code-names", names]).await;
    let mut demo = Command::new(binaries().join("lab"));
    demo.args(["demo", "--seconds", "15", "--state"]).arg(&product.state);
    assert!(demo.status().await.expect("demo can be run").success());
    until("the new code is counted", async || {
        let codes = format!("{}codes", product.endpoints.get.page());
        let request = product.client.get(codes).header("x-api-key", &product.endpoints.get.api_key);
        request.send().await.expect("an answer").text().await.expect("a body").contains(r#""error_code":451"#)
    })
    .await;
    play_on(&product, "a_fleet_at_a_glance").await;
}
