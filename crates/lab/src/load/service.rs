//! One mode of the product: a gateway with post-log behind it, and in queued mode what empties the queue.

use std::num::NonZeroU32;
use std::time::Duration;

use local::event_source::{EventSource, EventSourceConfig};
use local::gateway::{Gateway, UsagePlan};
use local::lambda::Function;
use serde::Serialize;

use crate::error::LabError;
use crate::load::testbed::Testbed;
use crate::testbed::start_gateway;

/// As in infra/ingestion.js and infra/queue/store-logs.yml, with the concurrency and the window of dev in serverless.yml.
const STORE_LOGS_TIMEOUT: Duration = Duration::from_secs(30);
const STORE_LOGS_CONCURRENCY: usize = 2;
const WINDOW: Duration = Duration::from_secs(1);
const MESSAGES_PER_EVENT: usize = 10_000;

/// How long requests that are open may take.
const STOP_LIMIT: Duration = Duration::from_secs(11);

/// How codes get into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Direct,
    Queued,
}

/// A running one.
pub(crate) struct Service {
    pub(crate) mode: Mode,
    pub(crate) api_key: String,
    gateway: Gateway,
    post_log: Function,
    consumer: Option<(EventSource, Function)>,
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Direct, Self::Queued];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Queued => "queued",
        }
    }

    /// The status of a batch that is accepted.
    pub(crate) fn accepted(self) -> u16 {
        match self {
            Self::Direct => 200,
            Self::Queued => 202,
        }
    }
}

impl Service {
    /// With so many environments of post-log at most, and this usage plan.
    pub(crate) async fn start(
        testbed: &Testbed,
        mode: Mode,
        environments: usize,
        [rate, burst]: [NonZeroU32; 2],
    ) -> Result<Self, LabError> {
        let post_log = Function::new(match mode {
            Mode::Direct => testbed.post_log_direct(environments),
            Mode::Queued => testbed.post_log_queued(environments),
        });
        let (gateway, api_key) = start_gateway(&post_log, UsagePlan::new(rate, burst)).await?;
        let consumer = (mode == Mode::Queued).then(|| {
            let function = Function::new(testbed.store_logs(STORE_LOGS_CONCURRENCY, STORE_LOGS_TIMEOUT));
            let source = EventSource::start(&EventSourceConfig {
                queue: testbed.queue.clone(),
                function: function.clone(),
                batch_size: MESSAGES_PER_EVENT,
                window: WINDOW,
                maximum_concurrency: STORE_LOGS_CONCURRENCY,
                invocations: None,
            });
            (source, function)
        });
        Ok(Self { mode, api_key, gateway, post_log, consumer })
    }

    pub(crate) fn url(&self) -> String {
        self.gateway.url()
    }

    /// Answers what is open, stores what was received, and ends the functions.
    pub(crate) async fn stop(self) {
        self.gateway.stop(STOP_LIMIT).await;
        self.post_log.finish().await;
        self.post_log.stop().await;
        if let Some((source, function)) = self.consumer {
            source.stop().await;
            function.stop().await;
        }
    }
}
