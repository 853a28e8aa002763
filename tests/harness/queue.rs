//! A queue that only one test uses, and the real store-logs behind it.

use std::time::Duration;

use local::event_source::{EventSource, EventSourceConfig, Invocation};
use local::lambda::{Function, FunctionConfig};
use local::moto::{Moto, MotoOptions, REGION};
use local::queue::{Queues, RedrivePolicy};
use logs_core::{Batch, Message};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Database, TemporaryFolder, binaries, temporary_folder, until};

/// Queue, dead-letter queue, and what is needed to poll them.
pub(crate) struct QueueRun {
    pub(crate) queues: Queues,
    /// The configuration of the next [`QueueRun::poll`].
    pub(crate) config: EventSourceConfig,
    invocations: mpsc::UnboundedReceiver<Invocation>,
    database_url: String,
    _folder: TemporaryFolder,
    _moto: Moto,
}

impl QueueRun {
    /// One invocation at a time, without a batch window, and without a second delivery within a test.
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with(database, RedrivePolicy { visibility_timeout: 300, max_receive_count: 20 }).await
    }

    pub(crate) async fn start_with(database: &Database, policy: RedrivePolicy) -> Self {
        let moto = Moto::start(&MotoOptions::default()).await.expect("moto starts");
        let queues = Queues::create(moto.url(), REGION, policy).await.expect("moto makes queues");
        let folder = temporary_folder();
        let function = Function::new(FunctionConfig {
            name: "store-logs".to_owned(),
            program: binaries().join("store-logs"),
            variables: vec![("DATABASE_URL".to_owned(), database.url.clone())],
            timeout: Duration::from_secs(29),
            concurrency: 10,
            log_file: folder.path().join("log"),
        });
        let (sender, invocations) = mpsc::unbounded_channel();
        let config = EventSourceConfig {
            queue: queues.queue.clone(),
            function,
            batch_size: 10_000,
            window: Duration::ZERO,
            maximum_concurrency: 1,
            invocations: Some(sender),
        };
        Self { queues, config, invocations, database_url: database.url.clone(), _folder: folder, _moto: moto }
    }

    pub(crate) async fn send(&self, bodies: impl IntoIterator<Item = String>) {
        for body in bodies {
            self.queues.queue.send(body).await.expect("moto takes messages");
        }
    }

    /// Ten messages per call, several calls at once.
    pub(crate) async fn send_many(&self, bodies: impl IntoIterator<Item = String>) {
        let bodies: Vec<_> = bodies.into_iter().collect();
        for round in bodies.chunks(50) {
            let sending = round.chunks(10).map(|ten| {
                let (queue, ten) = (self.queues.queue.clone(), ten.to_vec());
                async move { queue.send_all(&ten).await }
            });
            for sent in sending.collect::<JoinSet<_>>().join_all().await {
                assert_eq!(sent.expect("moto takes messages"), 0);
            }
        }
    }

    pub(crate) fn poll(&self) -> EventSource {
        EventSource::start(&self.config)
    }

    /// Waits for the next invocation to end.
    pub(crate) async fn invocation(&mut self) -> Invocation {
        let next = tokio::time::timeout(Duration::from_mins(1), self.invocations.recv()).await;
        next.expect("there is an invocation within a minute").expect("the configuration keeps the channel open")
    }

    /// Visible messages and those in flight.
    pub(crate) async fn depth(&self) -> (usize, usize) {
        let depth = self.queues.queue.depth().await.expect("moto answers");
        (depth.visible, depth.in_flight)
    }

    pub(crate) async fn until_dead_letters(&self, count: usize) {
        until("messages are dead letters", async || {
            self.queues.dead_letters.depth().await.expect("moto answers").visible == count
        })
        .await;
    }

    /// Kills the environments of store-logs (`kill -9`), found by their database. Returns their number.
    pub(crate) fn kill_environments(&self) -> usize {
        let url = format!("DATABASE_URL={}", self.database_url);
        let processes = std::fs::read_dir("/proc").expect("this is Linux").filter_map(Result::ok);
        let ids = processes.filter_map(|process| {
            let variables = std::fs::read(process.path().join("environ")).ok()?;
            let is_one = variables.split(|byte| *byte == 0).any(|variable| variable == url.as_bytes());
            is_one.then(|| process.file_name().to_string_lossy().parse::<i32>().ok())?
        });
        ids.inspect(|id| kill(Pid::from_raw(*id), Signal::SIGKILL).expect("it runs")).count()
    }
}

/// The body of a message with these codes, as post-log makes it of a POST without a key.
pub(crate) fn message_without_key(devices: &[&str], received_at: i64) -> String {
    let records: Vec<_> = devices.iter().map(|device| super::record(device, 107, 1_514_864_773)).collect();
    let batch = Batch::parse(serde_json::json!(records).to_string().as_bytes()).expect("the body is good");
    let now = Duration::from_secs(received_at.try_into().expect("after 1970"));
    Message::encode(&batch, None, now).expect("it fits")
}

/// The body of a message with one code, under a key of the client.
pub(crate) fn message(key: &str, device: &str) -> String {
    let logs = serde_json::json!([[device, 107, 1_514_864_773]]);
    serde_json::json!({ "version": 1, "key": key, "received_at": 1_764_000_000, "logs": logs }).to_string()
}
