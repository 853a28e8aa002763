//! The whole product: `dev up` as a process, as a user would start it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use local::processes::children_of;
use local::state::Endpoints;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, RequestBuilder, Response};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::{Database, TemporaryFolder, binaries, temporary_folder};

/// The limit for starting; after it a test fails.
const START_LIMIT: Duration = Duration::from_mins(2);

/// How to start it.
#[derive(Default)]
pub(crate) struct ProductOptions<'a> {
    /// `None`: a private server.
    pub(crate) database: Option<&'a Database>,
    pub(crate) arguments: &'a [&'a str],
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// A running `dev up`.
pub(crate) struct Product {
    process: Child,
    pub(crate) endpoints: Endpoints,
    pub(crate) state: PathBuf,
    pub(crate) client: reqwest::Client,
    folder: Option<TemporaryFolder>,
}

impl Product {
    /// On the test's database.
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with_arguments(database, &[]).await
    }

    /// On the test's database, with options of the command line.
    pub(crate) async fn start_with_arguments(database: &Database, arguments: &[&str]) -> Self {
        Self::start_with(ProductOptions { database: Some(database), arguments, ..ProductOptions::default() }).await
    }

    pub(crate) async fn start_with(options: ProductOptions<'_>) -> Self {
        let folder = temporary_folder();
        let mut product = Self::start_in(folder.path().join("state"), options).await;
        product.folder = Some(folder);
        product
    }

    pub(crate) async fn start_in(state: PathBuf, options: ProductOptions<'_>) -> Self {
        let path = state.join("endpoints.json");
        // After kill -9 the last run's file is still there.
        let _ = std::fs::remove_file(&path);
        let mut process = Self::command(&state, &options).spawn().expect("dev can be started");
        let started = Instant::now();
        let endpoints = loop {
            if let Some(status) = process.try_wait().expect("a child can be waited for") {
                panic!("dev up ended with {status}: {}", output(process).await);
            }
            if let Ok(json) = std::fs::read(&path) {
                break serde_json::from_slice(&json).expect("endpoints.json is whole from the moment it is there");
            }
            assert!(started.elapsed() < START_LIMIT, "dev up is not up after {START_LIMIT:?}");
            sleep(Duration::from_millis(10)).await;
        };
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        Self { process, endpoints, state, client, folder: None }
    }

    /// Starts it where it cannot succeed. Returns its output and its exit status.
    pub(crate) async fn start_in_vain(state: PathBuf, options: ProductOptions<'_>) -> (ExitStatus, String) {
        let mut process = Self::command(&state, &options).spawn().expect("dev can be started");
        let status = process.wait().await.expect("a child can be waited for");
        (status, output(process).await)
    }

    /// The command that starts it.
    pub(crate) fn command(state: &Path, options: &ProductOptions<'_>) -> Command {
        let mut command = Command::new(binaries().join("dev"));
        command.args(["up", "--post-port", "0", "--get-port", "0", "--state"]).arg(state).args(options.arguments);
        command.env_remove("DATABASE_URL").envs(options.variables.iter().copied());
        if let Some(database) = options.database {
            command.env("DATABASE_URL", &database.url);
        }
        // Not in the checkout, where it could find a developer's secrets.json.
        command.current_dir(std::env::temp_dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// POST with the right key.
    pub(crate) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let endpoint = &self.endpoints.post;
        self.client.post(&endpoint.url).header("x-api-key", &endpoint.api_key).body(body)
    }

    /// GET with the right key; the list.
    pub(crate) async fn list(&self) -> Vec<serde_json::Value> {
        let endpoint = &self.endpoints.get;
        let request = self.client.get(&endpoint.url).header("x-api-key", &endpoint.api_key);
        let answer = request.send().await.expect("the gateway answers");
        assert_eq!(answer.status(), 200);
        let body: serde_json::Value = answer.json().await.expect("JSON");
        body["result"].as_array().expect("result is an array").clone()
    }

    /// Any request to the POST API.
    pub(crate) async fn request(&self, method: Method, url: &str, key: Option<&str>) -> Response {
        let mut request = self.client.request(method, url);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        request.send().await.expect("the gateway answers")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process_id()).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("our own child can be signalled");
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) async fn stop(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.process.wait().await.expect("a child can be waited for")
    }

    /// Waits for its end. Returns its output.
    pub(crate) async fn last_words(mut self) -> (ExitStatus, String) {
        let (mut said, output) = (String::new(), self.process.stdout.take());
        output.expect("nobody closed it").read_to_string(&mut said).await.expect("it says text");
        let error = self.process.stderr.take();
        error.expect("nobody closed it").read_to_string(&mut said).await.expect("it says text");
        (self.process.wait().await.expect("a child can be waited for"), said)
    }

    /// Closes the reading end of its output, so that writing fails.
    pub(crate) fn close_terminal(&mut self) {
        self.process.stdout = None;
        self.process.stderr = None;
    }

    /// kill -9.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.expect("our own child can be killed");
    }

    /// The processes that it started: the database server and the functions.
    pub(crate) fn children(&self) -> Vec<u32> {
        children_of(self.process_id())
    }
}

impl Drop for Product {
    /// A test that fails leaves no database server behind.
    fn drop(&mut self) {
        let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok()) else { return };
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        for _ in 0..500 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

async fn output(process: Child) -> String {
    let output = process.wait_with_output().await.expect("the output can be read");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
