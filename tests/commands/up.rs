//! `./dev up`, as a user starts, stops and kills it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::Executor;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::harness::{
    Database, Product, ProductOptions, binaries, is_running, record, temporary_folder, until,
    wait_for_blocked_statements,
};

async fn post(product: &Product, device: &str) {
    let answer = product.post(record(device, 1, 1).to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

async fn devices(product: &Product) -> Vec<String> {
    let list = product.list().await;
    list.iter().rev().map(|log| log["device_id"].as_str().expect("a string").to_owned()).collect()
}

#[tokio::test]
async fn data_and_keys_survive_a_restart_and_nothing_is_left_running() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let product = Product::start_in(state.clone(), ProductOptions::default()).await;
    post(&product, "first").await;
    let keys = (product.endpoints.post.api_key.clone(), product.endpoints.get.api_key.clone());
    let children = product.children();
    assert!(children.len() >= 3, "a server and two functions");
    assert!(product.stop(Signal::SIGINT).await.success());
    assert!(!state.join("endpoints.json").exists());
    assert_eq!(children.into_iter().filter(|id| is_running(*id)).collect::<Vec<_>>(), [0_u32; 0]);

    let product = Product::start_in(state, ProductOptions::default()).await;
    assert_eq!((product.endpoints.post.api_key.clone(), product.endpoints.get.api_key.clone()), keys);
    post(&product, "second").await;
    assert_eq!(devices(&product).await, ["first", "second"]);
    let children = product.children();
    assert!(product.stop(Signal::SIGTERM).await.success());
    assert_eq!(children.into_iter().filter(|id| is_running(*id)).collect::<Vec<_>>(), [0_u32; 0]);
}

#[tokio::test]
async fn an_environment_has_as_many_events_at_once_as_up_is_told() {
    let database = Database::migrated().await;
    let arguments = ["--concurrency", "1", "--events-per-environment", "3"];
    let product = Product::start_with_arguments(&database, &arguments).await;
    let mut lock = database.connection().await;
    lock.execute("LOCK TABLES Logs WRITE").await.expect("the table can be locked");
    let post = || product.post(record("waits", 1, 1).to_string()).send();
    let checks = async {
        wait_for_blocked_statements(&database, 3).await;
        assert_eq!(post().await.expect("a response").status(), 502, "the only environment is full");
        lock.execute("UNLOCK TABLES").await.expect("it can be unlocked");
    };
    let (first, second, third, ()) = tokio::join!(post(), post(), post(), checks);
    for response in [first, second, third] {
        assert_eq!(response.expect("a response").status(), 200);
    }
    assert!(product.stop(Signal::SIGTERM).await.success());
}

#[tokio::test]
async fn a_full_log_is_renamed_and_the_function_continues_in_a_new_one() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let product = Product::start_in(state.clone(), ProductOptions::default()).await;
    post(&product, "first").await;
    let log = state.join("logs/post-log.log");
    let full = 8 << 20;
    let file = std::fs::OpenOptions::new().append(true).open(&log).expect("the function has a log");
    file.set_len(full).expect("there is room");
    post(&product, "second").await;
    post(&product, "third").await;
    assert_eq!(std::fs::metadata(state.join("logs/post-log.log.1")).expect("it is kept").len(), full);
    let new = std::fs::read_to_string(&log).expect("there is a new one, of text alone");
    assert!(!new.is_empty() && new.len() < 1 << 20, "{} bytes", new.len());
    assert_eq!(devices(&product).await, ["first", "second", "third"]);
    assert!(product.stop(Signal::SIGTERM).await.success());
}

#[tokio::test]
async fn after_kill_minus_nine_the_next_start_recovers_and_the_data_is_there() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let product = Product::start_in(state.clone(), ProductOptions::default()).await;
    post(&product, "first").await;
    let left_behind = product.children();
    product.kill().await;
    let product = Product::start_in(state, ProductOptions::default()).await;
    until_all_have_ended(&left_behind).await;
    assert_eq!(devices(&product).await, ["first"]);
    assert!(product.stop(Signal::SIGTERM).await.success());
}

#[tokio::test]
async fn a_private_server_that_dies_is_started_again() {
    let product = Product::start_with(ProductOptions::default()).await;
    post(&product, "first").await;
    let file = product.state.join("database/server.pid");
    let id: i32 = std::fs::read_to_string(file).expect("the id is written down").parse().expect("a number");
    kill(Pid::from_raw(id), Signal::SIGKILL).expect("it runs");
    until("the server is gone", async || !is_running(id.unsigned_abs())).await;
    until("a device that sends again is answered", async || {
        let answer = product.post(record("second", 1, 1).to_string()).send().await.expect("an answer");
        assert!(answer.status() == 200 || answer.status() == 503);
        answer.status() == 200
    })
    .await;
    assert_eq!(devices(&product).await, ["first", "second"]);
    assert!(product.stop(Signal::SIGTERM).await.success());
}

#[tokio::test]
async fn a_run_whose_terminal_was_closed_stops_cleanly() {
    let mut product = Product::start_with(ProductOptions::default()).await;
    post(&product, "first").await;
    product.close_terminal();
    let children = product.children();
    assert!(product.stop(Signal::SIGHUP).await.success());
    assert_eq!(children.into_iter().filter(|id| is_running(*id)).collect::<Vec<_>>(), [0_u32; 0]);
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_does_not_keep_a_second_signal_from_stopping() {
    let product =
        Product::start_with(ProductOptions { arguments: &["--timeout", "29"], ..ProductOptions::default() }).await;
    let address = product.endpoints.post.url.trim_start_matches("http://").trim_end_matches("/logs").to_owned();
    let mut client = tokio::net::TcpStream::connect(address).await.expect("the gateway listens");
    client.write_all(b"POST /logs HT").await.expect("the gateway reads");
    let children = product.children();
    product.signal(Signal::SIGINT);
    // The first signal has arrived when endpoints.json is gone.
    until("it is stopping", async || !product.state.join("endpoints.json").exists()).await;
    assert!(is_running(product.process_id()));
    assert!(product.stop(Signal::SIGINT).await.success());
    assert_eq!(children.into_iter().filter(|id| is_running(*id)).collect::<Vec<_>>(), [0_u32; 0]);
}

#[tokio::test]
async fn a_run_killed_while_it_makes_the_data_folder_is_recovered_from() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let mut process = Product::command(&state, &ProductOptions::default()).spawn().expect("dev can be started");
    let note = state.join("database/server.pid");
    until("the data folder is being made", async || note.exists()).await;
    process.kill().await.expect("our own child can be killed");
    let id: u32 = std::fs::read_to_string(note).expect("it is there").parse().expect("a number");
    let product = Product::start_in(state, ProductOptions::default()).await;
    assert!(!is_running(id));
    post(&product, "first").await;
    assert!(product.stop(Signal::SIGTERM).await.success());
}

#[tokio::test]
async fn reset_deletes_our_files_stops_a_leftover_server_and_touches_nothing_else() {
    let folder = temporary_folder();
    let state = folder.path().join("state");
    let product = Product::start_in(state.clone(), ProductOptions::default()).await;
    let children = product.children();
    product.kill().await;
    let of_others = ["messages-backup.jsonl", "messages.jsonl.gz", "thesis.txt"];
    let ours = ["messages.jsonl", "messages-0123456789abcdef.jsonl.lock"];
    for name in of_others.iter().chain(&ours) {
        std::fs::write(state.join(name), "precious").expect("the folder can be written");
    }
    assert!(reset(&state).await.0);
    until_all_have_ended(&children).await;
    let left = std::fs::read_dir(&state).expect("it stays").map(|entry| entry.expect("readable").file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, of_others);

    let (done, said) = reset(&state).await;
    assert!(!done && said.contains("files that ./dev did not create"), "{said}");
    let (status, said) = Product::start_in_vain(state.clone(), ProductOptions::default()).await;
    assert!(!status.success() && said.contains("files that ./dev did not create"), "{said}");
    assert_eq!(std::fs::read_to_string(state.join("thesis.txt")).ok().as_deref(), Some("precious"));
}

/// Functions end by themselves, a moment after their gateway.
async fn until_all_have_ended(processes: &[u32]) {
    until("what was left behind has ended", async || !processes.iter().any(|id| is_running(*id))).await;
}

async fn reset(state: &Path) -> (bool, String) {
    let output = Command::new(binaries().join("dev")).arg("reset").arg("--state").arg(state).output().await;
    let output = output.expect("dev can be run");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `./dev migrate`, in a folder without secrets.json.
async fn migrate(url: Option<&str>) -> (bool, String) {
    let folder = temporary_folder();
    let mut command = Command::new(binaries().join("dev"));
    command.arg("migrate").current_dir(folder.path()).env_remove("DATABASE_URL");
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().await.expect("dev can be run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn old_rows_are_deleted_while_it_runs() {
    let product = Product::start_with(ProductOptions::default()).await;
    let run = async |command: &mut Command| {
        let output = command.arg("--state").arg(&product.state).env_remove("DATABASE_URL").output().await;
        let output = output.expect("dev can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let database = Database { url: product.endpoints.database_url.clone() };
    for (device, received_at) in [("old", 1), ("new", logs_core::clock::unix_seconds())] {
        database.insert(&serde_json::json!([record(device, 1, 1)]), received_at).await;
    }
    let dev = || Command::new(binaries().join("dev"));
    let said = run(dev().arg("retention")).await;
    assert_eq!(said, "dev: deleted: 0 rows of the ledger, 0 logs\n");
    let said = run(dev().args(["retention", "--logs", "30"])).await;
    assert_eq!(said, "dev: deleted: 0 rows of the ledger, 1 logs\n");
    assert_eq!(devices(&product).await, ["new"]);
}

#[tokio::test]
async fn dev_migrate_migrates_the_users_own_database_and_can_run_twice() {
    let database = Database::empty().await;
    let (done, said) = migrate(Some(&database.url)).await;
    assert!(done && said.ends_with("7 migrations were applied; the schema has version 7\n"), "{said}");
    let (done, said) = migrate(Some(&database.url)).await;
    assert!(done && said.ends_with("there was nothing to do; the schema has version 7\n"), "{said}");
    let (done, said) = migrate(None).await;
    assert!(!done && said.contains("set DATABASE_URL, or copy secrets.example.json to secrets.json"), "{said}");
}

#[tokio::test]
async fn only_this_user_can_read_the_keys() {
    let product = Product::start(&Database::migrated().await).await;
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&product.state), 0o700);
    assert_eq!(mode(&product.state.join("keys.json")), 0o600);
    assert_eq!(mode(&product.state.join("endpoints.json")), 0o600);
}
