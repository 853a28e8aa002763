//! The product in one mode: a gateway with post-log, and in queued mode store-logs on the queue.

use std::time::Duration;

use local::gateway::UsagePlan;
use local::lambda::FunctionConfig;
use serde::Serialize;

use crate::error::LabError;
use crate::testbed::{Consumer, Queue, Service, Testbed};

const POST_LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// As in infra/ingestion.js and infra/queue/store-logs.yml, with the concurrency and the window of dev in serverless.yml.
const STORE_LOGS_TIMEOUT: Duration = Duration::from_secs(30);
const STORE_LOGS_CONCURRENCY: usize = 2;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Direct,
    Queued,
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Direct, Self::Queued];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Queued => "queued",
        }
    }
}

/// The running product.
pub(crate) struct Running {
    pub(crate) mode: Mode,
    pub(crate) service: Service,
    consumer: Option<Consumer>,
}

impl Running {
    /// `environments` is the maximum for post-log.
    pub(crate) async fn start(
        testbed: &Testbed,
        queue: &Queue,
        mode: Mode,
        environments: usize,
        usage_plan: UsagePlan,
    ) -> Result<Self, LabError> {
        let settings = if mode == Mode::Queued { queue.settings() } else { testbed.store.settings() };
        let post_log = testbed.function("post-log", settings, POST_LOG_TIMEOUT, environments);
        let service = Service::start(post_log, usage_plan).await?;
        let store_logs = || store_logs(testbed, STORE_LOGS_TIMEOUT, STORE_LOGS_CONCURRENCY);
        let consumer = (mode == Mode::Queued).then(|| queue.consume(store_logs(), WINDOW));
        Ok(Self { mode, service, consumer })
    }

    /// Answers open requests, stores the messages that were received, then ends the functions.
    pub(crate) async fn stop(self) {
        self.service.stop().await;
        if let Some(consumer) = self.consumer {
            consumer.stop().await;
        }
    }
}

pub(crate) fn store_logs(testbed: &Testbed, timeout: Duration, concurrency: usize) -> FunctionConfig {
    testbed.function("store-logs", testbed.store.settings(), timeout, concurrency)
}
