//! What is attacked: the gateway, the function, the proxy between it and the store; in queued mode a queue and its consumer
//! as well.

use std::net::Ipv4Addr;
use std::time::Duration;

use local::proxy::Proxy;
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::recovery;
use crate::error::LabError;
use crate::testbed::{Consumer, Queue, Service, Testbed, unlimited};

/// What post-log may take, in production 10 s, and store-logs: less, so that a fault that outlasts it fits in more often.
const POST_LOG_TIMEOUT: Duration = Duration::from_secs(4);
const STORE_LOGS_TIMEOUT: Duration = Duration::from_secs(8);

/// In seconds; more than the timeout, so that no message is delivered while its first delivery is still at work.
const VISIBILITY_TIMEOUT: u32 = 10;

/// How many environments empty the queue, and how long they gather a batch.
const CONSUMERS: usize = 2;
const WINDOW: Duration = Duration::from_millis(200);

/// How long to look for a process: all may have been killed a moment ago.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// Everything that runs besides the store.
pub(crate) struct Target {
    pub(crate) proxy: Proxy,
    pub(crate) service: Service,
    pub(crate) queued: Option<(Queue, Consumer)>,
}

/// How many requests there can be at once: a client that hung up leaves its request behind, and some send two.
pub(crate) fn concurrency(clients: usize) -> usize {
    3 * clients + 4
}

impl Target {
    pub(crate) async fn start(testbed: &Testbed, clients: usize, is_queued: bool) -> Result<Self, LabError> {
        // The functions' user may log in from any address.
        let source = Ipv4Addr::new(127, 0, 0, 2);
        let proxy = Proxy::start((Ipv4Addr::LOCALHOST, 0), source, testbed.store.way_in()).await?;
        let store = testbed.store.settings_by_way_of(proxy.port);
        let (queued, settings) = if is_queued {
            let queue = Queue::start(testbed, VISIBILITY_TIMEOUT).await?;
            let store_logs = testbed.function("store-logs", store, STORE_LOGS_TIMEOUT, CONSUMERS);
            let (consumer, settings) = (queue.consume(store_logs, WINDOW), queue.settings());
            (Some((queue, consumer)), settings)
        } else {
            (None, store)
        };
        let post_log = testbed.function("post-log", settings, POST_LOG_TIMEOUT, concurrency(clients));
        // The plan is not what is tested here.
        let service = Service::start(post_log, unlimited()).await?;
        Ok(Self { proxy, service, queued })
    }

    /// In queued mode waits until something is stored again, and says when that was; `None` if it takes too long.
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

    /// The functions' processes, busy or idle: children of ours that run one of the programs. One at least.
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
            if started.elapsed() > LOOK_LIMIT {
                return Err(LabError::NoProcess("function"));
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends all that the functions still have under way, and empties the queue. How many messages are dead.
    pub(crate) async fn come_to_rest(self, testbed: &Testbed) -> Result<usize, LabError> {
        self.service.stop().await;
        let Some((queue, consumer)) = self.queued else { return Ok(0) };
        testbed.progress.say("the queue is emptied");
        let dead = queue.drain().await?;
        consumer.stop().await;
        Ok(dead)
    }
}
