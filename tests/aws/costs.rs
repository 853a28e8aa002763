//! `./dev costs`: the bill of a stage, from its template, against `docs/costs`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{Project, Template, binaries, dynamodb, queued, temporary_folder, variant, variants};

/// Codes a second for which `docs/costs` has the calls of store-logs.
const CODES_PER_SECOND: f64 = 1_000.0;

/// Millions of codes in a month at that rate.
const MILLIONS: f64 = CODES_PER_SECOND * 730.0 * 3_600.0 / 1e6;

const BATCHES: [&str; 4] = ["1", "10", "100", "1000"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs the command on a template.
fn costs(template: &Template, options: &[&str]) -> Output {
    let folder = temporary_folder();
    let json = serde_json::to_vec_pretty(&template.json).expect("JSON can be written");
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("it can be written");
    write("cloudformation-template-update-stack.json", &json);
    write("serverless-state.json", br#"{"service":{"provider":{"region":"us-east-1"}}}"#);
    Command::new(binaries().join("dev"))
        .args(["costs", "--stage", template.stage(), "--package"])
        .arg(folder.path())
        .args(options)
        .output()
        .expect("dev can be started")
}

/// What the command prints.
fn bill(template: &Template, options: &[&str]) -> String {
    let output = costs(template, options);
    assert!(output.status.success(), "{}: {}", template.name, text(&output.stderr));
    text(&output.stdout)
}

/// The dollars of all lines that begin with this text.
fn dollars(bill: &str, name: &str) -> f64 {
    let lines = bill.lines().filter(|line| line.trim_start().starts_with(name));
    lines.map(|line| line.rsplit(' ').next().expect("a word").parse::<f64>().expect("dollars")).sum()
}

/// The dollars of a million codes in a line of `docs/costs`, by the size of the batch.
fn of_a_million(name: &str) -> Vec<f64> {
    let script = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/costs"));
    let output = Command::new(script).output().expect("it can be run");
    let printed = text(&output.stdout);
    let line = printed.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
    line.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// Asserts that items of the bill equal the script's figures for a million codes, in the digits that it prints.
fn is_as_in_the_script(template: &Template, mode: &str, items: &[(&str, &[&str])]) {
    for (place, batch) in BATCHES.into_iter().enumerate() {
        let bill = bill(template, &["--codes-per-second", "1000", "--batch", batch]);
        let (_, running) = bill.split_once("Besides, ").expect("it says what codes add");
        for (in_script, in_bill) in items {
            let expected = of_a_million(&format!("{mode}{in_script}"))[place] * MILLIONS;
            let found: f64 = in_bill.iter().map(|name| dollars(running, name)).sum();
            let tolerance = 0.00005 * MILLIONS + 0.02;
            assert!((found - expected).abs() < tolerance, "{batch}: {in_script}: {found}, not {expected}\n{bill}");
        }
    }
}

#[test]
fn codes_cost_a_month_what_the_script_says_of_a_million() {
    let front: [(&str, &[&str]); 3] = [
        ("API Gateway", &["API Gateway"]),
        ("logs and traces", &["logs", "traces                5 %"]),
        ("post-log", &["post-log"]),
    ];
    is_as_in_the_script(variant("prod", "created"), "direct: ", &front);
    let queue: [(&str, &[&str]); 2] = [("SQS", &["SQS"]), ("store-logs", &["store-logs"])];
    is_as_in_the_script(queued(), "queued: ", &[&front[..], &queue].concat());
    is_as_in_the_script(dynamodb()[1], "", &[("with a key", &["table"])]);
}

#[test]
fn a_stage_costs_what_its_resources_cost_by_my_own_arithmetic() {
    let bill = bill(variant("prod", "created"), &["--region", "us-east-1"]);
    // db.t4g.medium twice, gp3 twice; SNS's endpoint in two zones and Secrets Manager's in one; RDS's secret.
    for (name, expected) in [
        ("database  ", 0.129 * 730.0),
        ("database's disk", 50.0 * 0.23),
        ("endpoint", 3.0 * 0.01 * 730.0),
        ("secrets", 0.40),
        ("alarms", 21.0 * 0.10),
        ("dashboard", 3.0),
        ("metrics of summarize", 2.0 * 0.30),
    ] {
        assert!((dollars(&bill, name) - expected).abs() < 0.011, "{name}: {expected}\n{bill}");
    }
}

/// The resources of these types, and the item that goes with them.
const ITEMS: [(&str, &str); 8] = [
    ("AWS::RDS::DBInstance", "database"),
    ("AWS::EC2::VPCEndpoint", "endpoint"),
    ("AWS::SecretsManager::Secret", "secrets"),
    ("AWS::CloudWatch::Alarm", "alarms"),
    ("AWS::CloudWatch::Dashboard", "dashboard"),
    ("AWS::Events::Rule", "summarize"),
    ("AWS::Lambda::EventSourceMapping", "queue"),
    ("AWS::Lambda::Alias", "warm environments"),
];

#[test]
fn every_item_goes_with_its_resource() {
    let parameters = ["ingestion=queued", "getLogsProvisioned=2", "databaseLogin=secret"];
    let all = Project::copy().package("prod", &parameters).expect("it can be packaged");
    let before = bill(&all, &[]);
    for (kind, item) in ITEMS {
        assert!(dollars(&before, item) > 0.0, "{item}\n{before}");
        let mut without = Template { name: format!("without {kind}"), json: all.json.clone() };
        let resources = without.json["Resources"].as_object_mut().expect("an object");
        resources.retain(|_, resource| resource["Type"] != kind);
        let after = bill(&without, &[]);
        let idle_sum = |bill: &str| dollars(bill, "together");
        assert!(dollars(&after, item) < dollars(&before, item), "{item}\n{after}");
        assert!(idle_sum(&after) < idle_sum(&before), "{item}\n{after}");
    }
}

#[test]
fn what_has_no_price_is_refused_and_every_variant_has_one() {
    for template in variants() {
        bill(template, &[]);
    }
    let mut strange = Template { name: "strange".to_owned(), json: variant("dev", "created").json.clone() };
    strange.json["Resources"]["Nat"] = json!({ "Type": "AWS::EC2::NatGateway", "Properties": Value::Null });
    let output = costs(&strange, &[]);
    assert!(!output.status.success());
    assert_eq!(text(&output.stderr), "dev: Nat is an AWS::EC2::NatGateway, whose price ./dev costs does not know\n");
}

#[test]
fn a_region_without_prices_and_a_load_that_cannot_be_are_refused() {
    let template = variant("dev", "created");
    let refused = |options: &[&str]| text(&costs(template, options).stderr);
    let said = refused(&["--region", "sa-east-1"]);
    assert_eq!(said, "dev: docs/prices.json has no prices of sa-east-1; give --region eu-central-1 or us-east-1\n");
    let said = refused(&["--codes-per-second", "0"]);
    assert_eq!(said, "dev: --codes-per-second must be more than 0 and at most 10 million\n");
    assert!(refused(&["--batch", "1001"]).contains("1001 is not in 1..=1000"));
    assert!(refused(&["--batch", "10"]).contains("--codes-per-second"), "a batch alone changes nothing");
}

/// The dollars of an idle month.
fn idle(template: &Template) -> f64 {
    dollars(&bill(template, &[]), "together")
}

#[test]
fn a_dev_stage_without_what_can_be_left_out_costs_half() {
    let package = |parameters: &[&str]| Project::copy().package("dev", parameters).expect("it can be packaged");
    let with_all = package(&["alarms=all", "databaseLogin=secret", "endpointZones=2", "traces=true"]);
    let with_hours = package(&["databaseHours=weekdays"]);
    assert!(bill(&with_hours, &[]).contains("261 h x 0.016"), "60 of 168 hours a week");
    let (before, after) = (idle(&with_all), idle(&with_hours));
    assert!(after <= before / 2.0, "{after} of {before}");
    let [on_a_table, ..] = dynamodb();
    assert!(idle(on_a_table) < 0.5, "a stage with DynamoDB has no server");
}

#[test]
fn the_bills_in_the_document_are_those_of_the_command() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deploy.md"));
    let document = document.expect("it is there");
    let (_, shown) = document.split_once("<!-- ./dev costs: begin -->\n```text\n").expect("the bill has a place");
    let (shown, _) = shown.split_once("```\n<!-- ./dev costs: end -->").expect("its place ends");
    let options = ["--region", "us-east-1", "--codes-per-second", "10", "--batch", "100"];
    assert_eq!(shown, bill(variant("dev", "created"), &options), "put it into docs/deploy.md");

    let with_hours = Project::copy().package("dev", &["databaseHours=weekdays"]).expect("it can be packaged");
    let [dev_table, prod_table, ..] = dynamodb();
    for (name, template) in [
        ("dev, MySQL", variant("dev", "created")),
        ("dev, MySQL, `databaseHours: weekdays`", &with_hours),
        ("dev, DynamoDB", dev_table),
        ("prod, MySQL", variant("prod", "created")),
        ("prod, MySQL, queued", queued()),
        ("prod, DynamoDB", prod_table),
    ] {
        let row = format!("| {name} | {:.2} |", idle(template));
        assert!(document.contains(&row), "docs/deploy.md should have {row}");
    }
}
