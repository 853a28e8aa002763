//! `./dev rollback`: a stage goes back to the versions before.

use std::process::Output;

use serde_json::{Value, json};

use super::account::Account;

const FUNCTIONS: [&str; 2] = ["error-codes-prod-post-log", "error-codes-prod-get-logs"];

/// A stage that was deployed twice: with the code `a`, then with `b`.
async fn deployed_twice() -> Account {
    let account = Account::open().await;
    let properties = json!({
        "Handler": "bootstrap",
        "Runtime": "provided.al2023",
        "Architectures": ["x86_64"],
        "MemorySize": 256,
        "Timeout": 10,
        "TracingConfig": { "Mode": "PassThrough" },
        "Description": "It does. (code a)",
    });
    for name in FUNCTIONS {
        account.create(name, &properties, zip("a")).await;
        assert_eq!(account.publish(name, "It does. (code a)").await, "1");
        deploy(&account, name, "b", &json!({})).await;
    }
    account
}

/// Any zip will do: nobody runs it.
fn zip(code: &str) -> Vec<u8> {
    let mut zip = b"PK\x05\x06".to_vec();
    zip.resize(20, 0);
    zip.extend([u8::try_from(code.len()).expect("it is short"), 0]);
    zip.extend(code.as_bytes());
    zip
}

async fn deploy(account: &Account, name: &str, code: &str, settings: &Value) -> String {
    account.change(name, zip(code), settings).await;
    account.publish(name, &format!("It does. (code {code})")).await
}

async fn live(account: &Account) -> [Option<String>; 2] {
    [account.live(FUNCTIONS[0]).await, account.live(FUNCTIONS[1]).await]
}

fn versions(first: &str, second: &str) -> [Option<String>; 2] {
    [Some(first.to_owned()), Some(second.to_owned())]
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn all_functions_go_back_to_the_deployment_before_and_the_command_says_from_where_to_where() {
    let account = deployed_twice().await;
    assert_eq!(live(&account).await, versions("2", "2"));

    let output = account.dev(&["rollback", "--stage", "prod"]).await;

    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(live(&account).await, versions("1", "1"));
    let said = text(&output);
    assert!(said.contains("post-log went back from version 2 (code b, 20"), "{said}");
    assert!(said.contains(") to version 1 (code a, 20"), "{said}");
    // There is nothing before it.
    let again = account.dev(&["rollback", "--stage", "prod"]).await;
    assert_eq!(text(&again), "dev: post-log has no version before 1\n");
    assert!(!again.status.success());
}

#[tokio::test]
async fn the_deployment_after_a_rollback_brings_the_functions_forward() {
    let account = deployed_twice().await;
    account.dev(&["rollback", "--stage", "prod"]).await;
    for name in FUNCTIONS {
        deploy(&account, name, "c", &json!({})).await;
    }
    assert_eq!(live(&account).await, versions("3", "3"));
}

#[tokio::test]
async fn code_that_was_deployed_alone_goes_back_alone() {
    let account = deployed_twice().await;
    // As ./dev lambda deploy does it: new code under the old description.
    account.change(FUNCTIONS[0], zip("c"), &json!({})).await;
    account.publish(FUNCTIONS[0], "It does. (code b)").await;

    let all = account.dev(&["rollback", "--stage", "prod"]).await;
    assert_eq!(text(&all), "dev: post-log got new code alone, after the last deployment of all; give --function\n");
    assert_eq!(live(&account).await, versions("3", "2"), "nothing was moved");

    let alone = account.dev(&["rollback", "--stage", "prod", "--function", "post-log"]).await;
    assert!(alone.status.success(), "{}", text(&alone));
    assert_eq!(live(&account).await, versions("2", "2"));
}

#[tokio::test]
async fn a_version_with_other_settings_is_left_to_osls() {
    let account = deployed_twice().await;
    let settings = json!({ "Environment": { "Variables": { "QUEUE_URL": "https://sqs" } } });
    deploy(&account, FUNCTIONS[0], "c", &settings).await;
    deploy(&account, FUNCTIONS[1], "c", &json!({})).await;

    let output = account.dev(&["rollback", "--stage", "prod"]).await;

    assert!(!output.status.success());
    assert!(text(&output).contains("./dev osls rollback --stage prod"), "{}", text(&output));
    assert_eq!(live(&account).await, versions("3", "3"), "nothing was moved");
}

#[tokio::test]
async fn a_canary_is_left_to_who_began_it() {
    let account = deployed_twice().await;
    let weights = json!({ "FunctionVersion": "1", "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.1 } } });
    account.move_alias(FUNCTIONS[1], &weights).await;

    let output = account.dev(&["rollback", "--stage", "prod"]).await;

    assert!(text(&output).contains("aws cloudformation cancel-update-stack --stack-name error-codes-prod"));
    assert_eq!(live(&account).await, versions("2", "1"), "nothing was moved");
}

#[tokio::test]
async fn a_stage_that_is_not_there_is_said_to_be_not_there() {
    let account = Account::open().await;
    let output = account.dev(&["rollback", "--stage", "prod"]).await;
    let expected = "dev: there is no function of error-codes-prod with an alias here; is this the region?\n";
    assert_eq!(text(&output), expected);
}
