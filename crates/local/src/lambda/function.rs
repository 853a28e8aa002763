//! A function and its environments. An event goes to an environment with room; only when all are full, a new one starts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::{OnceCell, Semaphore};

use super::environment::{Environment, FunctionConfig, InvokeError};
use super::log;

#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    config: FunctionConfig,
    max_log_bytes: Option<u64>,
    /// One per simultaneous event.
    permits: Arc<Semaphore>,
    max_events: usize,
    /// The environments, the most recently used one last.
    slots: Mutex<Vec<Slot>>,
}

/// An environment that has started or is starting, and the number of its current events.
struct Slot {
    environment: Arc<OnceCell<Environment>>,
    events: usize,
}

impl Function {
    /// The first event starts the first environment.
    pub fn new(config: FunctionConfig) -> Self {
        Self::with(config, None)
    }

    /// The same with a bounded log: a log of `max_bytes` is renamed to `….1`, replacing the previous one, and new
    /// environments write to a new log.
    pub fn with_bounded_log(config: FunctionConfig, max_bytes: u64) -> Self {
        Self::with(config, Some(max_bytes))
    }

    fn with(config: FunctionConfig, max_log_bytes: Option<u64>) -> Self {
        let max_events = config.concurrency * config.events_per_environment();
        let permits = Arc::new(Semaphore::new(max_events));
        Self(Arc::new(Inner { config, max_log_bytes, permits, max_events, slots: Mutex::default() }))
    }

    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Lets an environment handle one event. As in Lambda, the work continues if the caller disconnects.
    pub async fn invoke(&self, id: String, event: Bytes) -> Result<Bytes, InvokeError> {
        let permit = self.0.permits.clone().try_acquire_owned().map_err(|_| InvokeError::Throttled)?;
        let inner = self.0.clone();
        let work = tokio::spawn(async move {
            let answer = inner.invoke(&id, event).await;
            drop(permit);
            answer
        });
        work.await.unwrap_or(Err(InvokeError::Crashed))
    }

    /// The process ids of environments without events.
    pub fn idle_process_ids(&self) -> Vec<u32> {
        let slots = self.0.slots();
        let idle = slots.iter().filter(|slot| slot.events == 0);
        idle.filter_map(|slot| slot.environment.get()?.process_id()).collect()
    }

    /// Waits until no environment has an event, up to the timeout.
    pub async fn finish(&self) {
        let all = u32::try_from(self.0.max_events).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.0.config.timeout, self.0.permits.acquire_many(all)).await;
    }

    /// Accepts no more events, and stops each environment after its current events.
    pub async fn stop(&self) {
        self.0.permits.close();
        let slots = std::mem::take(&mut *self.0.slots());
        for slot in slots.into_iter().filter(|slot| slot.events == 0) {
            if let Some(environment) = slot.environment.get() {
                environment.stop().await;
            }
        }
    }
}

impl Inner {
    async fn invoke(&self, id: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let slot = self.take();
        let environment = slot.get_or_try_init(|| Environment::start(&self.config)).await.map_err(InvokeError::Start);
        let answer = match environment {
            Ok(environment) => environment.invoke(id, event).await,
            Err(error) => Err(error),
        };
        if matches!(answer, Ok(_) | Err(InvokeError::Failed(_))) {
            self.give_back(&slot);
        } else {
            self.slots().retain(|other| !Arc::ptr_eq(&other.environment, &slot));
            if let Some(environment) = slot.get() {
                environment.stop().await;
            }
        }
        answer
    }

    /// The most recently used environment with room. Drops environments that have died or whose log is full.
    fn take(&self) -> Arc<OnceCell<Environment>> {
        // Under the lock: two events must not rename the log twice, because the second one would be empty.
        let mut slots = self.slots();
        if let Some(max_bytes) = self.max_log_bytes
            && let Err(error) = log::rotate(&self.config.log_file, max_bytes)
        {
            tracing::warn!(function = self.config.name, %error, "the log cannot be renamed");
        }
        let mut chosen = None;
        while let Some(index) = slots.iter().rposition(|slot| slot.events < self.config.events_per_environment()) {
            let slot = slots.remove(index);
            if slot.environment.get().is_none_or(|environment| self.is_usable(environment)) {
                chosen = Some(slot);
                break;
            }
        }
        let mut slot = chosen.unwrap_or_else(|| Slot { environment: Arc::default(), events: 0 });
        slot.events += 1;
        let environment = slot.environment.clone();
        slots.push(slot);
        environment
    }

    fn is_usable(&self, environment: &Environment) -> bool {
        let has_log = self.max_log_bytes.is_none() || environment.logs_to(&self.config.log_file);
        has_log && environment.is_alive()
    }

    /// Releases the environment after an event. A dropped one stops after its last event.
    fn give_back(&self, environment: &Arc<OnceCell<Environment>>) {
        let mut slots = self.slots();
        if let Some(index) = slots.iter().position(|slot| Arc::ptr_eq(&slot.environment, environment)) {
            let mut slot = slots.remove(index);
            slot.events -= 1;
            slots.push(slot);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
