//! `./dev up`: from a folder to two gateways that answer, and back.

mod choice;
mod database;
mod functions;
mod options;
mod queued;
mod schedule;
mod self_check;
mod store;
mod table;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use axum::http::Method;
use logs_core::operator_log;
use logs_core::settings::environment;
use tokio::net::TcpListener;

use crate::Failure;
use crate::binaries;
use crate::gateway::{Gateway, GatewayConfig, UsagePlan, page};
use crate::lambda::Function;
use crate::lambda::log::BoundedLog;
use crate::state::{Endpoint, Endpoints, StateFolder};
pub use choice::DatabaseChoice;
use functions::{Limits, MAX_LOG_BYTES, function, log_file};
pub use options::{GatewayOptions, QueueOptions, QueuedOptions, UpOptions};
pub use queued::Kept;
use queued::Queued;
use schedule::Schedule;
use store::LocalStore;

/// How often the summary of the codes is updated. More often than on AWS (once a minute), because a developer is watching.
const SUMMARIZE_EVERY: Duration = Duration::from_secs(5);

/// The running gateways, and everything behind them.
pub struct Running {
    state: StateFolder,
    store: LocalStore,
    functions: [Function; 2],
    gateways: [Gateway; 2],
    queued: Option<Queued>,
    summarize: Option<Schedule>,
    endpoints: Endpoints,
    open_requests_limit: Duration,
}

/// Starts everything. `progress` gets a line before each slow step.
pub async fn start(options: &UpOptions, progress: impl Fn(&str)) -> Result<Running, Failure> {
    let state = StateFolder::open(&options.state)?;
    start_log(&state)?;
    let keys = state.keys()?;
    let store_logs = options.queued.as_ref().map(|_| "store-logs");
    let summarize = options.database.has_summary().then_some("summarize");
    for name in ["post-log", "get-logs"].into_iter().chain(store_logs).chain(summarize) {
        binaries::in_folder(&options.functions, name)?;
    }
    if let Some(QueuedOptions { queue, .. }) = &options.queued {
        queue.timeout()?;
    }
    // Before anything slow, because a port in use is the most likely error.
    let GatewayOptions { post_port, get_port, rate, burst, .. } = options.gateways;
    let listeners = [listen(post_port, "--post-port").await?, listen(get_port, "--get-port").await?];
    let origin = edge::allowed_origin(&environment)?;
    operator_log::parse_filter(environment("RUST_LOG").as_deref())?;
    let page = page(options.code_names.as_deref())?;

    let store = LocalStore::start(&options.database, &state, &keys, &progress).await?;
    let queued = match &options.queued {
        Some(queued) => {
            progress("starting the queue");
            Some(Queued::start(&options.functions, queued, &state, &store).await?)
        }
        None => None,
    };

    progress("starting the gateways");
    let (logs, of_store) = (state.logs(), store.settings());
    let allowed = ("ALLOWED_ORIGIN", origin.to_str().map_err(std::io::Error::other)?);
    let sender = queued.as_ref().map(Queued::sender_settings);
    let device_rate = options.gateways.device_rate.to_string();
    let of_devices = [allowed, ("DEVICE_RATE", &device_rate)];
    let post_settings = match &sender {
        Some(sender) => [&of_devices[..], &sender.each_ref().map(|(name, value)| (*name, value.as_str()))].concat(),
        None => [&of_devices[..], &of_store].concat(),
    };
    let cache = options.gateways.cache.to_string();
    let get_settings = [&[allowed, ("CACHE_SECONDS", &cache)][..], &of_store].concat();
    let timeout = Duration::from_secs(options.gateways.timeout);
    let in_environments = |name, settings: &[(&str, &str)]| {
        let GatewayOptions { concurrency: environments, events_per_environment, .. } = options.gateways;
        function(&options.functions, &logs, name, settings, Limits { environments, events_per_environment, timeout })
    };
    let functions = [in_environments("post-log", &post_settings)?, in_environments("get-logs", &get_settings)?];
    let gateway = |listener, method, api_key: &str, function: &Function, page| {
        let config = GatewayConfig {
            method,
            api_key: api_key.to_owned(),
            usage_plan: UsagePlan::new(rate, burst),
            allowed_origin: origin.clone(),
            function: function.clone(),
            page,
        };
        Gateway::start(listener, config)
    };
    let [post_listener, get_listener] = listeners;
    let gateways = [
        gateway(post_listener, Method::POST, &keys.post, &functions[0], None)?,
        gateway(get_listener, Method::GET, &keys.get, &functions[1], Some(page))?,
    ];

    let endpoint = |gateway: &Gateway, key: &String| Endpoint { url: gateway.url(), api_key: key.clone() };
    let (database_url, table) = store.endpoint();
    let endpoints = Endpoints {
        post: endpoint(&gateways[0], &keys.post),
        get: endpoint(&gateways[1], &keys.get),
        database_url: database_url.unwrap_or_default(),
        table,
        queue: queued.as_ref().map(Queued::endpoint),
    };
    // A second longer than the timeout of a function, so that its answer still goes out.
    let open_requests_limit = timeout + Duration::from_secs(1);
    let summarize = summarize
        .map(|name| function(&options.functions, &logs, name, &of_store, Limits::one_event(1, timeout)))
        .transpose()?;
    let mut running =
        Running { state, store, functions, gateways, queued, summarize: None, endpoints, open_requests_limit };
    match self_check::run(&running.endpoints, &running.state.logs()).await {
        Ok(()) => {
            running.summarize = summarize.map(|function| Schedule::start(function, SUMMARIZE_EVERY));
            if let Some(queued) = &mut running.queued {
                queued.poll();
            }
            running.state.publish_endpoints(&running.endpoints)?;
            Ok(running)
        }
        Err(error) => {
            // The first error matters, not one of the stop.
            let _ = running.stop(std::future::ready(()), progress).await;
            Err(error)
        }
    }
}

impl Running {
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub fn state(&self) -> &StateFolder {
        &self.state
    }

    /// The file for messages that are not stored at the stop. Missing if all are.
    pub fn messages(&self) -> PathBuf {
        self.store.messages(&self.state)
    }

    /// Restarts a private server that exits. Returns when that fails, or when the queue's server has exited.
    pub async fn keep_running(&mut self, progress: impl Fn(&str)) -> Failure {
        let queue_ended = async {
            match &mut self.queued {
                Some(queued) => queued.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.store.keep_running(progress) => error,
            error = queue_ended => error,
        }
    }

    /// Stops everything. First answers open requests, up to the timeout of a function; then drains the queue, up to a limit.
    /// `hurry` cuts both short. Messages left in the queue are kept.
    pub async fn stop(mut self, hurry: impl Future<Output = ()>, progress: impl Fn(&str)) -> Result<Kept, Failure> {
        self.state.withdraw_endpoints();
        if let Some(queued) = &mut self.queued
            && self.store.is_gone()
        {
            queued.stop_polling();
        }
        let mut hurry = pin!(hurry);
        let [post, get] = self.gateways;
        let [post_log, get_logs] = &self.functions;
        let answered = async {
            tokio::join!(post.stop(self.open_requests_limit), get.stop(self.open_requests_limit));
            tokio::join!(post_log.finish(), get_logs.finish(), async {
                if let Some(summarize) = &self.summarize {
                    summarize.finish().await;
                }
            });
        };
        let has_time = tokio::select! {
            () = answered => true,
            () = &mut hurry => false,
        };
        tokio::join!(post_log.stop(), get_logs.stop());
        if let Some(summarize) = self.summarize {
            summarize.stop().await;
        }
        let kept = match self.queued {
            Some(mut queued) => {
                if has_time {
                    tokio::select! {
                        () = queued.drain(&progress) => {}
                        () = &mut hurry => {}
                    }
                }
                queued.stop().await
            }
            None => Ok(Kept::default()),
        };
        self.store.stop().await;
        kept
    }
}

/// Sends the log of the gateways to a file, not to the terminal.
fn start_log(state: &StateFolder) -> std::io::Result<()> {
    let log = BoundedLog::open(log_file(&state.logs(), "gateways"), MAX_LOG_BYTES)?;
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::sync::Mutex::new(log));
    // Fails if there is a log already, which happens only in tests.
    let _ = subscriber.try_init();
    Ok(())
}

async fn listen(port: u16, option: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {port} is taken; stop what listens there, or choose another one with {option}").into()
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("port {port} is not for this user; choose one above 1023 with {option}").into()
        }
        _ => error.into(),
    })
}
