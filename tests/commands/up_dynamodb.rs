//! `./dev up --store dynamodb`: the product without MySQL, and with data that survives.

use std::net::TcpListener;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::harness::{Product, ProductOptions, is_running, record, temporary_folder, until};

/// With these variables, no MySQL server can start.
const NO_MYSQL: [(&str, &str); 1] = [("MYSQL_SERVER", "/nonexistent")];

fn options<'a>(arguments: &'a [&'a str]) -> ProductOptions<'a> {
    ProductOptions { arguments, variables: &NO_MYSQL, ..ProductOptions::default() }
}

fn dynoxide(product: &Product) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("this is Linux").filter_map(Result::ok);
    let ids = processes.filter_map(|process| process.file_name().to_string_lossy().parse::<u32>().ok());
    let data = product.state.join("dynamodb").to_string_lossy().into_owned();
    let is_it = |id: &u32| {
        let command = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        command.contains(&data) && !command.starts_with("sh\0")
    };
    ids.filter(is_it).collect()
}

#[tokio::test]
async fn what_is_stored_is_listed_and_is_there_after_a_stop_and_after_kill_9() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let arguments = ["--store", "dynamodb"];
    let devices = async |product: &Product| -> Vec<String> {
        product.list().await.iter().map(|log| log["device_id"].as_str().expect("text").to_owned()).collect()
    };
    let product = Product::start_in(state.clone(), options(&arguments)).await;
    let table = product.endpoints.table.clone().expect("endpoints.json names the table");
    assert!(table.endpoint.starts_with("http://127.0.0.1:") && product.endpoints.database_url.is_empty());
    assert_eq!(product.post(record("a", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    assert_eq!(devices(&product).await, ["a"]);
    let servers = dynoxide(&product);
    assert_eq!(servers.len(), 1);
    assert!(product.stop(Signal::SIGTERM).await.success());
    assert!(!is_running(servers[0]), "nothing is left behind");

    let product = Product::start_in(state.clone(), options(&arguments)).await;
    assert_eq!(devices(&product).await, ["a"]);
    assert_eq!(product.post(record("b", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    let servers = dynoxide(&product);
    product.kill().await;
    until("dynoxide has ended with dev", async || !is_running(servers[0])).await;

    let product = Product::start_in(state, options(&arguments)).await;
    assert_eq!(devices(&product).await.len(), 2);
}

#[tokio::test]
async fn a_dynoxide_that_is_killed_is_started_again_with_its_data() {
    let product = Product::start_with(options(&["--store", "dynamodb"])).await;
    assert_eq!(product.post(record("a", 1, 1).to_string()).send().await.expect("an answer").status(), 200);
    let server = i32::try_from(dynoxide(&product)[0]).expect("process ids are small");
    kill(Pid::from_raw(server), Signal::SIGKILL).expect("it runs");
    let answer = product.post(record("b", 1, 1).to_string()).header("idempotency-key", "k").send().await;
    assert_eq!(answer.expect("an answer").status(), 200, "within the request");
    assert_eq!(product.list().await.len(), 2);
}

#[tokio::test]
async fn with_a_queue_what_is_acknowledged_is_stored_in_the_table() {
    let product = Product::start_with(options(&["--store", "dynamodb", "--queued"])).await;
    for _ in 0..2 {
        let answer = product.post(record("a", 1, 1).to_string()).header("idempotency-key", "k").send().await;
        assert_eq!(answer.expect("an answer").status(), 202);
    }
    until("it is stored", async || !product.list().await.is_empty()).await;
    assert_eq!(product.list().await.len(), 1);
}

#[tokio::test]
async fn a_database_url_beside_it_is_refused() {
    let folder = temporary_folder();
    let variables = [("DATABASE_URL", "mysql://a:b@127.0.0.1:1/c")];
    let options =
        ProductOptions { arguments: &["--store", "dynamodb"], variables: &variables, ..ProductOptions::default() };
    let (status, said) = Product::start_in_vain(folder.path().join("state"), options).await;
    assert!(!status.success() && said.contains("DATABASE_URL names a MySQL database"), "{said}");
}

#[tokio::test]
async fn secrets_of_a_mysql_database_beside_it_are_left_alone_and_that_is_said() {
    let folder = temporary_folder();
    std::fs::write(folder.path().join("secrets.json"), "{}").expect("the folder can be written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    let port = taken.local_addr().expect("it has an address").port().to_string();
    // Says it, and ends at once.
    let mut command = Product::command(&folder.path().join("state"), &options(&["--store", "dynamodb"]));
    let output =
        command.args(["--post-port", &port]).current_dir(folder.path()).output().await.expect("dev can be run");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("secrets.json names a MySQL database; --store dynamodb does not use it"), "{said}");
    assert!(said.contains("is taken"), "{said}");
}

#[tokio::test]
async fn a_dynoxide_that_cannot_be_started_again_ends_dev_with_a_sentence() {
    let product = Product::start_with(options(&["--store", "dynamodb", "--queued"])).await;
    let table = product.endpoints.table.clone().expect("endpoints.json names the table");
    let address = table.endpoint.strip_prefix("http://").expect("a URL").to_owned();
    let server = i32::try_from(dynoxide(&product)[0]).expect("process ids are small");
    kill(Pid::from_raw(server), Signal::SIGKILL).expect("it runs");
    let mut taken = None;
    until("its port is somebody else's", async || {
        taken = TcpListener::bind(&address).ok();
        taken.is_some()
    })
    .await;
    let (status, said) = product.last_words().await;
    assert!(!status.success() && said.contains("dynoxide, which plays DynamoDB, does not start"), "{said}");
}

#[tokio::test]
async fn fifty_requests_at_once_with_one_key_store_one_batch_in_the_table() {
    let product = Product::start_with(options(&["--store", "dynamodb", "--concurrency", "50"])).await;
    let batch = json!((0..10).map(|number| record("a", number, 1)).collect::<Vec<_>>()).to_string();
    let send = || tokio::spawn(product.post(batch.clone()).header("Idempotency-Key", "one").send());
    let requests: Vec<_> = (0..50).map(|_| send()).collect();
    let mut first = 0;
    for request in requests {
        let answer = request.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200);
        let receipt: serde_json::Value = answer.json().await.expect("JSON");
        first += u32::from(receipt["duplicate"] == false);
    }
    assert_eq!((first, product.list().await.len()), (1, 10));
}
