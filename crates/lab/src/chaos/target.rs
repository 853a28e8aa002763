//! The attacked system: the gateway, the function, and the proxy between function and store. In queued mode also the queue
//! and its consumer.

use std::net::Ipv4Addr;
use std::time::Duration;

use local::proxy::Proxy;
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::recovery;
use crate::error::LabError;
use crate::testbed::{Consumer, Queue, Service, Testbed, unlimited};

/// Timeouts. Shorter than in production, so that more faults outlast them.
const POST_LOG_TIMEOUT: Duration = Duration::from_secs(4);
const STORE_LOGS_TIMEOUT: Duration = Duration::from_secs(8);

/// In seconds. Longer than the timeout, so that no message is delivered again while store-logs still works on it.
const VISIBILITY_TIMEOUT: u32 = 10;

/// The environments of store-logs, and how long they gather a batch.
const CONSUMERS: usize = 2;
const WINDOW: Duration = Duration::from_millis(200);

/// How long to wait for a process: all may have been killed a moment ago.
const PROCESS_LIMIT: Duration = Duration::from_secs(10);

/// Everything that runs beside the store.
pub(crate) struct Target {
    pub(crate) proxy: Proxy,
    pub(crate) service: Service,
    pub(crate) queued: Option<(Queue, Consumer)>,
}

/// The maximum number of simultaneous requests. A client that hangs up leaves its request behind, and some send two.
pub(crate) fn concurrency(clients: usize) -> usize {
    3 * clients + 4
}

impl Target {
    pub(crate) async fn start(testbed: &Testbed, clients: usize, is_queued: bool) -> Result<Self, LabError> {
        // The functions' user may log in from any address.
        let source = Ipv4Addr::new(127, 0, 0, 2);
        let proxy = Proxy::start((Ipv4Addr::LOCALHOST, 0), source, testbed.store.attacked_port()).await?;
        let store = testbed.store.settings_through(proxy.port);
        let (queued, settings) = if is_queued {
            let queue = Queue::start(testbed, VISIBILITY_TIMEOUT).await?;
            let store_logs = testbed.function("store-logs", store, STORE_LOGS_TIMEOUT, CONSUMERS);
            let (consumer, settings) = (queue.consume(store_logs, WINDOW), queue.settings());
            (Some((queue, consumer)), settings)
        } else {
            (None, store)
        };
        let post_log = testbed.function("post-log", settings, POST_LOG_TIMEOUT, concurrency(clients));
        let service = Service::start(post_log, unlimited()).await?;
        Ok(Self { proxy, service, queued })
    }

    /// Waits in queued mode until something is stored again, and returns that moment. `None` if it takes too long.
    pub(crate) async fn stored(&mut self) -> Option<Instant> {
        let (_, consumer) = self.queued.as_mut()?;
        while consumer.invocations.try_recv().is_ok() {}
        let stored = async {
            while let Some(invocation) = consumer.invocations.recv().await {
                if invocation.failed < invocation.messages {
                    return Some(Instant::now());
                }
            }
            None
        };
        timeout(recovery::LIMIT, stored).await.ok().flatten()
    }

    /// The functions' processes, busy or idle. Waits until there is at least one.
    pub(crate) async fn processes(&self, testbed: &Testbed) -> Result<Vec<u32>, LabError> {
        let programs = ["post-log", "store-logs"].map(|name| testbed.programs.join(name));
        let is_one = |id: &u32| programs.iter().any(|program| local::processes::runs(*id, program));
        let started = Instant::now();
        loop {
            let mut found = local::processes::children_of(std::process::id());
            found.retain(is_one);
            if !found.is_empty() {
                return Ok(found);
            }
            if started.elapsed() > PROCESS_LIMIT {
                return Err("no function has a process".into());
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Answers open requests, drains the queue and stops. Returns the number of dead letters.
    pub(crate) async fn stop(self, testbed: &Testbed) -> Result<usize, LabError> {
        self.service.stop().await;
        let Some((queue, consumer)) = self.queued else { return Ok(0) };
        testbed.progress.say("the queue is emptied");
        let dead = queue.drain().await?;
        consumer.stop().await;
        Ok(dead)
    }
}
