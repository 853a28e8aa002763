//! A wrong setting is one sentence, at the start or in the log.

use crate::harness::{Fault, FunctionRun, Table, body_event, event, record, table_variables};

fn function(name: &str, url: &str, more: &[(&str, &str)]) -> FunctionRun {
    let variables = table_variables(url);
    let mut variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.retain(|(name, _)| more.iter().all(|other| other.0 != *name));
    variables.extend(more);
    FunctionRun::with_timeout(name, &variables, std::time::Duration::from_secs(6))
}

#[tokio::test]
async fn a_table_beside_a_database_ends_the_start_and_both_are_named() {
    for name in ["post-log", "get-logs", "store-logs"] {
        let function = function(name, "http://127.0.0.1:1", &[("DATABASE_URL", "mysql://a:b@c/d")]);
        function.invoke(&body_event("[]")).await.expect_err("it does not start");
        let log = function.log();
        assert!(log.contains("TABLE_NAME and DATABASE_URL are both set: remove one of them"), "{log}");
    }
}

#[tokio::test]
async fn a_table_that_does_not_exist_is_named_in_the_log_and_a_request_is_503() {
    let table = Table::without_table().await;
    let (post_log, get_logs) = (function("post-log", &table.url, &[]), function("get-logs", &table.url, &[]));
    assert_eq!(post_log.send(&record("a", 1, 1).to_string()).await.status, 503);
    assert_eq!(get_logs.invoke(&event()).await.expect("it answers").status, 503);
    for log in [post_log.log(), get_logs.log()] {
        assert!(log.contains("there is no table error-codes-test in this region"), "{log}");
        assert!(log.contains("starting without the table"), "{log}");
        assert!(!log.contains("trying again\""), "nothing is gained by it: {log}");
    }
    // It is there now: no restart is needed.
    table.dynamo_store(&[]).create_table().await.expect("a table can be made");
    assert_eq!(post_log.send(&record("a", 1, 1).to_string()).await.status, 200);
    assert_eq!(get_logs.invoke(&event()).await.expect("it answers").status, 200);
}

#[tokio::test]
async fn a_missing_permission_is_logged_in_the_words_of_aws() {
    let table = Table::create().await;
    let proxy = table.fault_proxy().await;
    for (name, operation) in [("post-log", "UpdateItem"), ("post-log", "PutItem"), ("get-logs", "Query")] {
        proxy.fail(operation, Fault::Refuse("AccessDeniedException"), usize::MAX);
        let function = function(name, &proxy.url(), &[]);
        let event = if name == "get-logs" { event() } else { body_event(&record("a", 1, 1).to_string()) };
        assert_eq!(function.invoke(&event).await.expect("it answers").status, 503);
        assert!(function.log().contains("by the proxy (AccessDeniedException)"), "{}", function.log());
        proxy.heal();
        assert_eq!(function.invoke(&event).await.expect("it answers").status, 200);
    }
}

#[tokio::test]
async fn a_table_with_other_keys_is_reported_in_the_log() {
    let table = Table::without_table().await;
    table.create_with_other_keys().await;
    let post_log = function("post-log", &table.url, &[]);
    assert_eq!(post_log.send(&record("a", 1, 1).to_string()).await.status, 503);
    let log = post_log.log();
    assert!(log.contains("does the table error-codes-test have the keys pk and sk, both strings?"), "{log}");
}
