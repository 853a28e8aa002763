//! `./dev up --queued` and `./dev redrive`, as a user starts, stops and kills them: what was answered with 202 is stored.

use std::path::Path;

use local::queue::Queue;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

use crate::harness::{Database, Product, ProductOptions, TemporaryFolder, binaries, is_running, record, until};

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

async fn redrive(state: &Path) -> (bool, String) {
    let command = Command::new(binaries().join("local")).arg("--state").arg(state).arg("redrive").output().await;
    let output = command.expect("local can be run");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn what_is_sent_twice_under_a_key_is_accepted_twice_and_stored_once() {
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let product = start(&folder.0.join("state"), &database, &[]).await;
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
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let state = folder.0.join("state");
    // A window that would be over only much later.
    let product = start(&state, &database, &["--batch-window", "5"]).await;
    for number in 0..20 {
        post(&product, &format!("device-{number}")).await;
    }
    product.signal(Signal::SIGINT);
    let (status, said) = product.last_words().await;
    assert!(status.success() && !said.contains("not stored yet"), "{said}");
    assert_eq!(database.count().await, 20);
    assert!(!state.join("messages.jsonl").exists());
}

#[tokio::test]
async fn what_was_accepted_survives_kill_minus_nine_and_a_stop_in_a_hurry() {
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let state = folder.0.join("state");
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
async fn dead_letters_are_brought_back_when_the_cause_is_mended() {
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let state = folder.0.join("state");
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
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let (done, said) = redrive(&folder.0).await;
    assert!(!done && said.contains("nothing is running") && said.contains("start ./dev up --queued"), "{said}");
    let product = Product::start(&database).await;
    let (done, said) = redrive(&product.state).await;
    assert!(!done && said.contains("it was started without --queued"), "{said}");
}

#[tokio::test]
async fn a_run_whose_queue_dies_says_what_is_lost_and_ends() {
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    let product = start(&folder.0.join("state"), &database, &[]).await;
    let is_moto = |id: &u32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|c| c.contains("moto"));
    let moto = product.children().into_iter().find(is_moto).expect("moto runs");
    kill(Pid::from_raw(moto.cast_signed()), Signal::SIGKILL).expect("it runs");
    let (status, said) = product.last_words().await;
    assert!(
        !status.success() && said.contains("moto, which plays the queue, ended, and with it the messages"),
        "{said}"
    );
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let (folder, database) = (TemporaryFolder::new(), Database::migrated().await);
    for (arguments, expected) in [
        (&["--visibility-timeout", "5"][..], "--queued"),
        (&["--queued", "--visibility-timeout", "5"], "--visibility-timeout must be at least 6 s"),
    ] {
        let options = ProductOptions { database: Some(&database), arguments, ..ProductOptions::default() };
        let (status, said) = Product::start_in_vain(folder.0.join("state"), options).await;
        assert!(!status.success() && said.contains(expected), "{said}");
    }
}
