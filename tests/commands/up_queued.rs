//! `./dev up --queued` and `./dev redrive`, as a user starts, stops and kills them. What was answered with 202 is stored.

use std::path::Path;
use std::time::Duration;

use local::queue::Queue;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Database, Product, ProductOptions, binaries, is_running, record, temporary_folder, until};

/// Names account and region. moto does not check the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=made-up/20260101/eu-central-1/sqs/aws4_request, \
     SignedHeaders=host, Signature=made-up";

async fn start(state: &Path, database: &Database, arguments: &[&str]) -> Product {
    let arguments = [&["--queued"], arguments].concat();
    let options = ProductOptions { database: Some(database), arguments: &arguments, ..ProductOptions::default() };
    Product::start_in(state.to_owned(), options).await
}

async fn post(product: &Product, device: &str) {
    let answer = product.post(record(device, 1, 1).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
}

async fn depth(product: &Product) -> (usize, usize) {
    let endpoint = product.endpoints.queue.as_ref().expect("there is a queue");
    let (queue, dead) = (Queue::of_running(endpoint), Queue::dead_letters_of_running(endpoint));
    let depth = async |queue: Queue| queue.depth().await.expect("moto answers").all();
    (depth(queue).await, depth(dead).await)
}

async fn in_flight(product: &Product) -> usize {
    let queue = Queue::of_running(product.endpoints.queue.as_ref().expect("there is a queue"));
    queue.depth().await.expect("moto answers").in_flight
}

fn moto(product: &Product) -> u32 {
    let is_moto = |id: &u32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|c| c.contains("moto"));
    product.children().into_iter().find(is_moto).expect("moto runs")
}

/// The lines of all files that keep messages.
fn kept(state: &Path) -> Vec<String> {
    let files = std::fs::read_dir(state).expect("the folder is there").map(|file| file.expect("it can be read").path());
    let files = files.filter(|file| file.extension().is_some_and(|end| end == "jsonl"));
    let lines = files.map(|file| std::fs::read_to_string(file).expect("it is text"));
    lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

async fn redrive(state: &Path) -> (bool, String) {
    let command = Command::new(binaries().join("dev")).arg("redrive").arg("--state").arg(state).output().await;
    let output = command.expect("dev can be run");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn a_batch_sent_twice_under_a_key_is_accepted_twice_and_stored_once() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let product = start(&folder.path().join("state"), &database, &[]).await;
    for _ in 0..2 {
        let body = record("device", 1, 1).to_string();
        let answer = product.post(body).header("idempotency-key", "one").send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
    }
    until("both messages are gone", async || depth(&product).await == (0, 0)).await;
    assert_eq!(product.list().await.len(), 1);
    let children = product.children();
    assert!(product.stop(Signal::SIGTERM).await.success());
    assert_eq!(children.into_iter().filter(|id| is_running(*id)).collect::<Vec<_>>(), [0_u32; 0]);
}

#[tokio::test]
async fn a_stop_waits_until_everything_that_was_accepted_is_stored() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let state = folder.path().join("state");
    // A window far longer than a stop waits.
    let product = start(&state, &database, &["--batch-window", "300", "--visibility-timeout", "400"]).await;
    for number in 0..20 {
        post(&product, &format!("device-{number}")).await;
    }
    product.signal(Signal::SIGINT);
    let (status, said) = product.last_words().await;
    assert!(status.success() && !said.contains("not stored yet"), "{said}");
    assert_eq!(database.count().await, 20);
    assert_eq!(kept(&state), [""; 0]);
}

#[tokio::test]
async fn accepted_batches_survive_kill_minus_nine_and_an_interrupted_stop() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let state = folder.path().join("state");
    let product = start(&state, &database, &[]).await;
    database.run("RENAME TABLE Logs TO Away").await;
    post(&product, "before kill -9").await;
    product.kill().await;

    database.run("RENAME TABLE Away TO Logs").await;
    let product = start(&state, &database, &[]).await;
    until("it is stored", async || depth(&product).await == (0, 0)).await;
    assert_eq!(product.list().await[0]["device_id"], "before kill -9");
    database.run("RENAME TABLE Logs TO Away").await;
    post(&product, "before Ctrl-C").await;
    product.signal(Signal::SIGINT);
    until("it is stopping", async || !state.join("endpoints.json").exists()).await;
    product.signal(Signal::SIGINT);
    let (status, said) = product.last_words().await;
    assert!(status.success() && said.contains("not stored yet: 1 messages and 0 dead letters, kept in"), "{said}");

    database.run("RENAME TABLE Away TO Logs").await;
    let product = start(&state, &database, &[]).await;
    until("it is stored", async || depth(&product).await == (0, 0)).await;
    assert_eq!(product.list().await.len(), 2);
}

#[tokio::test]
async fn messages_kept_by_a_stop_start_afresh_in_the_next_run() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let state = folder.path().join("state");
    let once = ["--max-receive-count", "1", "--visibility-timeout", "10"];
    let gathering = [&once[..], &["--batch-window", "300", "--visibility-timeout", "400"]].concat();
    let product = start(&state, &database, &gathering).await;
    post(&product, "gathered").await;
    until("it is received", async || in_flight(&product).await == 1).await;
    // A foreign message must not make the others get lost.
    let endpoint = product.endpoints.queue.as_ref().expect("there is a queue");
    let stranger = json!({
        "QueueUrl": endpoint.url,
        "MessageBody": "{}",
        "MessageAttributes": { "bytes": { "DataType": "Binary", "BinaryValue": "AP8=" } },
    });
    let request = product.client.post(&endpoint.endpoint).header("x-amz-target", "AmazonSQS.SendMessage");
    let request = request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
    let sent = request.body(stranger.to_string()).send().await.expect("moto answers");
    assert_eq!(sent.status(), 200);
    product.kill().await;

    let product = start(&state, &database, &once).await;
    until("what is ours is stored", async || !product.list().await.is_empty()).await;
    assert_eq!(product.list().await[0]["device_id"], "gathered", "its receipt in the other run was no try");
    until("the other one has failed", async || depth(&product).await == (0, 1)).await;
    let endpoint = product.endpoints.queue.as_ref().expect("there is a queue");
    let dead = Queue::dead_letters_of_running(endpoint).receive(1, 0).await.expect("moto answers").remove(0);
    let attributes = dead.message_attributes.expect("it has one");
    let bytes = attributes["bytes"].binary_value().expect("of bytes");
    assert_eq!(bytes.as_ref(), [0, 255]);
    product.kill().await;
}

#[tokio::test]
async fn messages_accepted_for_one_database_are_not_stored_in_another() {
    let (folder, one, other) = (temporary_folder(), Database::migrated().await, Database::migrated().await);
    let state = folder.path().join("state");
    let product = start(&state, &one, &["--batch-window", "300", "--visibility-timeout", "400"]).await;
    post(&product, "a").await;
    product.kill().await;
    let product = start(&state, &other, &[]).await;
    assert_eq!(depth(&product).await, (0, 0));
    assert!(product.stop(Signal::SIGINT).await.success());
    let product = start(&state, &one, &[]).await;
    until("it is stored", async || depth(&product).await == (0, 0)).await;
    assert_eq!((one.count().await, other.count().await), (1, 0));
    assert!(product.stop(Signal::SIGINT).await.success());
    let reset = Command::new(binaries().join("dev")).arg("reset").arg("--state").arg(&state).status().await;
    assert!(reset.expect("dev can be run").success() && !state.exists(), "all that is in it is ours");
}

#[tokio::test]
async fn moto_saves_its_messages_when_it_is_terminated_and_the_run_reports_it() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let state = folder.path().join("state");
    let product = start(&state, &database, &["--batch-window", "300", "--visibility-timeout", "400"]).await;
    post(&product, "a").await;
    let moto = moto(&product);
    // Signals again and again: moto must finish writing all the same.
    while is_running(moto) && kill(Pid::from_raw(moto.cast_signed()), Signal::SIGTERM).is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (status, said) = product.last_words().await;
    assert!(!status.success() && said.contains("ended by somebody else; the next ./dev up --queued has its"), "{said}");
    let kept = kept(&state);
    assert!(kept.len() == 1 && kept[0].contains("[\\\"a\\\",1,1]"), "{kept:?}");
    let product = start(&state, &database, &[]).await;
    until("it is stored", async || depth(&product).await == (0, 0)).await;
    assert_eq!(database.count().await, 1);
}

#[tokio::test]
async fn redriven_dead_letters_are_stored_once_the_cause_is_fixed() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let state = folder.path().join("state");
    let arguments = ["--visibility-timeout", "6", "--max-receive-count", "1"];
    let product = start(&state, &database, &arguments).await;
    database.run("RENAME TABLE Logs TO Away").await;
    for device in ["first", "second"] {
        post(&product, device).await;
    }
    until("both are dead letters", async || depth(&product).await == (0, 2)).await;
    database.run("RENAME TABLE Away TO Logs").await;
    let (done, said) = redrive(&state).await;
    assert!(done && said.ends_with("dev: 2 dead letters are in the queue again\n"), "{said}");
    until("both are stored", async || depth(&product).await == (0, 0)).await;
    assert_eq!(database.count().await, 2);
    let (done, said) = redrive(&state).await;
    assert!(done && said == "dev: 0 dead letters are in the queue again\n", "{said}");
}

#[tokio::test]
async fn without_a_queue_redrive_says_what_to_do() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let (done, said) = redrive(folder.path()).await;
    assert!(!done && said.contains("nothing is running") && said.contains("start ./dev up --queued"), "{said}");
    let product = Product::start(&database).await;
    let (done, said) = redrive(&product.state).await;
    assert!(!done && said.contains("it was started without --queued"), "{said}");
}

#[tokio::test]
async fn a_run_whose_queue_dies_reports_what_is_lost_and_exits() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    let product = start(&folder.path().join("state"), &database, &[]).await;
    kill(Pid::from_raw(moto(&product).cast_signed()), Signal::SIGKILL).expect("it runs");
    let (status, said) = product.last_words().await;
    assert!(
        !status.success() && said.contains("moto, which plays the queue, ended, and with it the messages"),
        "{said}"
    );
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let (folder, database) = (temporary_folder(), Database::migrated().await);
    for (arguments, expected) in [
        (&["--visibility-timeout", "5"][..], "--queued"),
        (&["--queued", "--visibility-timeout", "5"], "--visibility-timeout must be at least 6 s"),
    ] {
        let options = ProductOptions { database: Some(&database), arguments, ..ProductOptions::default() };
        let (status, said) = Product::start_in_vain(folder.path().join("state"), options).await;
        assert!(!status.success() && said.contains(expected), "{said}");
    }
}
