//! What the tests share: a database of their own, the real function binaries, the whole product.

mod account;
mod database;
mod function;
mod moto;
mod product;
mod proxy;
mod queue;
mod store;
mod table;
mod template;

pub(crate) use account::Account;
pub(crate) use database::{
    Database, encrypted_server, in_time, lock_key, private_server, refuse_the_second_insert,
    wait_for_blocked_statements, wait_for_row_lock,
};
pub(crate) use function::{FunctionAnswer, FunctionRun, body_event, event, keyed_event};
pub(crate) use local::fault_proxy::{Fault, FaultProxy};
pub(crate) use moto::{Moto, REGION, answer};
pub(crate) use product::{Product, ProductOptions};
pub(crate) use proxy::{Cut, proxy_before, start_proxy};
pub(crate) use queue::{QueueRun, message, message_without_key};
pub(crate) use store::{AnyStore, on_every_store};
pub(crate) use table::{TABLE, Table, variables as table_variables};
pub(crate) use template::{
    EXISTING, Project, RESOURCE_ID, Template, direct, draining, dynamodb, mysql, queued, variant, variants,
};

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;

pub(crate) use local::temporary_folder::TemporaryFolder;

/// Where cargo puts the binaries that belong to this test.
pub(crate) fn binaries() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own path");
    let folder = this.ancestors().nth(2).expect("the test stands in target/PROFILE/deps").to_owned();
    for program in ["post-log", "get-logs", "store-logs", "migrate", "retention", "summarize", "lab", "dev"] {
        assert!(folder.join(program).is_file(), "{program} is not built; run ./dev test");
    }
    folder
}

/// A folder that goes away with the test.
pub(crate) fn temporary_folder() -> TemporaryFolder {
    TemporaryFolder::new("test").expect("the temporary folder can be written")
}

/// Waits until the condition holds. Fails after a minute.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = tokio::time::Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < std::time::Duration::from_mins(1), "waited in vain until {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Whether a process is running. A zombie is not: it waits only for its parent.
pub(crate) fn is_running(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

/// One good record as JSON.
pub(crate) fn record(device_id: &str, err: i64, timestamp: i64) -> serde_json::Value {
    serde_json::json!({ "deviceID": device_id, "err": err, "timestamp": timestamp })
}

/// A body as a client packs it.
pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain).expect("memory can be written");
    packed.finish().expect("memory can be written")
}
