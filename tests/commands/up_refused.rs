//! `./dev up` where it cannot start: it says why in one sentence, and leaves nothing running.

use std::os::unix::fs::PermissionsExt;

use tokio::net::TcpListener;

use crate::harness::{Database, Product, ProductOptions, binaries, record, temporary_folder};

#[tokio::test]
async fn a_second_run_in_the_same_folder_is_refused_and_does_not_disturb_the_first() {
    let database = Database::migrated().await;
    let product = Product::start(&database).await;
    let options = ProductOptions { database: Some(&database), ..ProductOptions::default() };
    let (status, said) = Product::start_in_vain(product.state.clone(), options).await;
    assert!(!status.success() && said.contains("is in use by a run that has not ended"), "{said}");
    let answer = product.post(record("still there", 1, 1).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(product.state.join("endpoints.json").exists());
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
    let port = taken.local_addr().expect("it has an address").port().to_string();
    for option in ["--post-port", "--get-port"] {
        let database = Database::empty().await;
        let folder = temporary_folder();
        // The harness passes 0 first; the last value counts.
        let arguments = [option, &port];
        let options = ProductOptions { database: Some(&database), arguments: &arguments, ..ProductOptions::default() };
        let (status, said) = Product::start_in_vain(folder.path().join("state"), options).await;
        assert!(!status.success(), "{said}");
        assert_eq!(
            said.trim(),
            format!("dev: port {port} is taken; stop what listens there, or choose another one with {option}")
        );
    }
}

#[tokio::test]
async fn the_users_own_database_is_migrated_and_up_fails_when_it_is_unreachable() {
    let database = Database::empty().await;
    let product = Product::start(&database).await;
    let answer = product.post(record("a", 1, 1).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(database.count().await, 1);
    assert!(!product.state.join("database").exists(), "no private server");
    drop(product);

    let folder = temporary_folder();
    let away = Database { url: "mysql://nobody:s3cret@127.0.0.1:1/Error_Logs".to_owned() };
    let options = ProductOptions { database: Some(&away), ..ProductOptions::default() };
    let (status, said) = Product::start_in_vain(folder.path().join("state"), options).await;
    assert!(!status.success() && said.contains("cannot connect to the database") && !said.contains("s3cret"), "{said}");
    assert!(!folder.path().join("state/endpoints.json").exists());
}

#[tokio::test]
async fn nothing_is_announced_when_a_function_does_not_answer() {
    let database = Database::migrated().await;
    let folder = temporary_folder();
    for name in ["get-logs", "summarize"] {
        std::fs::copy(binaries().join(name), folder.path().join(name)).expect("a file can be copied");
    }
    let broken = folder.path().join("post-log");
    std::fs::write(&broken, "#!/bin/sh\nexit 3\n").expect("the folder can be written");
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let functions = folder.path().to_string_lossy().into_owned();
    let arguments = ["--functions", &functions];
    let options = ProductOptions { database: Some(&database), arguments: &arguments, ..ProductOptions::default() };
    let state = folder.path().join("state");
    let (status, said) = Product::start_in_vain(state.clone(), options).await;
    assert!(!status.success() && said.contains("the post-log gateway does not answer as it should (502"), "{said}");
    assert!(!state.join("endpoints.json").exists());
}
