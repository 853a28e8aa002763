//! The OpenAPI documents against the running gateways: schemathesis sends what the documents allow and what
//! they do not, and compares each answer with what they say.

use crate::harness::{Database, Product, ProductOptions};

use tokio::process::Command;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,ignored_auth";

/// On DynamoDB 501 is an answer, not a failure.
const ALLOWS_501: Option<&str> = Some("schemathesis-501.toml");

async fn conforms(document: &str, url: &str, key: &str, config: Option<&str>) {
    let program = std::env::var("SCHEMATHESIS").expect("SCHEMATHESIS is not set; run ./dev test");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new(program);
    if let Some(config) = config {
        command.arg("--config-file").arg(format!("{root}/tests/http/{config}"));
    }
    let output = command
        .current_dir(std::env::temp_dir())
        .env("SCHEMATHESIS_HOOKS", format!("{root}/tests/http/schemathesis_hooks.py"))
        .arg("run")
        .arg(format!("{root}/openapi/{document}"))
        .args(["--url", url.trim_end_matches("/logs"), "--header", &format!("x-api-key: {key}")])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "100"])
        .args(["--generation-deterministic", "--continue-on-failure", "--no-color"])
        .output()
        .await
        .expect("schemathesis runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("passed"), "it tested something: {report}");
}

async fn on_mysql() -> Product {
    Product::start(&Database::migrated().await).await
}

async fn on_dynamodb() -> Product {
    Product::start_with(ProductOptions { arguments: &["--store", "dynamodb"], ..ProductOptions::default() }).await
}

async fn post_log_conforms(product: Product) {
    conforms("post-log.yml", &product.endpoints.post.url, &product.endpoints.post.api_key, None).await;
}

async fn get_logs_conforms(product: Product, config: Option<&str>) {
    let answer = product.post(crate::harness::record("a", 1, 1).to_string()).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    conforms("get-logs.yml", &product.endpoints.get.url, &product.endpoints.get.api_key, config).await;
}

#[tokio::test]
async fn post_log_answers_as_its_document_says() {
    post_log_conforms(on_mysql().await).await;
}

#[tokio::test]
async fn get_logs_answers_as_its_document_says() {
    get_logs_conforms(on_mysql().await, None).await;
}

#[tokio::test]
async fn post_log_on_dynamodb_answers_as_its_document_says() {
    post_log_conforms(on_dynamodb().await).await;
}

#[tokio::test]
async fn get_logs_on_dynamodb_answers_as_its_document_says() {
    get_logs_conforms(on_dynamodb().await, ALLOWS_501).await;
}
