//! A function: idle environments are used again, new ones started under concurrent load, up to a limit.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::sync::Semaphore;

use super::environment::{Environment, FunctionConfig, InvokeError};
use super::log;

/// A function and its environments.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    config: FunctionConfig,
    most_log_bytes: Option<u64>,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Environment>>,
}

impl Function {
    /// A function without an environment; the first event starts one.
    #[must_use]
    pub fn new(config: FunctionConfig) -> Self {
        Self::with(config, None)
    }

    /// The same with a log that does not grow without end: from so many bytes on it is called `….1`, in the place of the
    /// one before, and new environments begin a new one.
    #[must_use]
    pub fn with_bounded_log(config: FunctionConfig, most_bytes: u64) -> Self {
        Self::with(config, Some(most_bytes))
    }

    fn with(config: FunctionConfig, most_log_bytes: Option<u64>) -> Self {
        let permits = Arc::new(Semaphore::new(config.concurrency));
        Self(Arc::new(Inner { config, most_log_bytes, permits, idle: Mutex::new(Vec::new()) }))
    }

    /// Name, for the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Has some environment answer one event. The work goes on when the caller goes away, as in Lambda.
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

    /// Process ids of the environments that wait for an event.
    #[must_use]
    pub fn idle_process_ids(&self) -> Vec<u32> {
        self.0.idle().iter().filter_map(Environment::process_id).collect()
    }

    /// Returns when no environment is busy any more.
    pub async fn finish(&self) {
        let everyone = u32::try_from(self.0.config.concurrency).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(self.0.config.timeout, self.0.permits.acquire_many(everyone)).await;
    }

    /// Takes no more events and ends the environments; those that are busy end with this program.
    pub async fn stop(&self) {
        self.0.permits.close();
        let idle = std::mem::take(&mut *self.0.idle());
        for environment in idle {
            environment.stop().await;
        }
    }
}

impl Inner {
    async fn invoke(&self, id: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let mut environment = match self.take_idle() {
            Some(environment) => environment,
            None => Environment::start(&self.config).await.map_err(InvokeError::Start)?,
        };
        let answer = environment.invoke(id, event).await;
        if matches!(answer, Ok(_) | Err(InvokeError::Failed(_))) {
            self.idle().push(environment);
        } else {
            environment.stop().await;
        }
        answer
    }

    /// The environment that was used last; those that died in the meantime, or whose log is full, are left out.
    fn take_idle(&self) -> Option<Environment> {
        // One at a time, or two of them would rename the same log, the second one an empty one.
        let mut idle = self.idle();
        if let Some(most_bytes) = self.most_log_bytes
            && let Err(error) = log::rotate(&self.config.log_file, most_bytes)
        {
            tracing::warn!(function = self.config.name, %error, "the log cannot be renamed");
        }
        while let Some(mut environment) = idle.pop() {
            let has_log = self.most_log_bytes.is_none() || environment.logs_to(&self.config.log_file);
            if has_log && environment.is_alive() {
                return Some(environment);
            }
        }
        None
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Environment>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
