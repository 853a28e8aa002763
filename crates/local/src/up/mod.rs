//! `./dev up`: from a folder to two gateways that answer, and back.

mod database;
mod self_check;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderValue, Method};
use logs_core::mysql::migrate;
use logs_core::operator_log;
use logs_core::settings::{DatabaseSettings, SettingError, allowed_origin, environment};
use tokio::net::TcpListener;

use crate::gateway::{Gateway, GatewayConfig, UsagePlan};
use crate::lambda::{Function, FunctionConfig};
use crate::state::{Endpoint, Endpoints, StateError, StateFolder};
use database::Database;
pub use database::{DatabaseChoice, SecretsError};

/// What can be chosen.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The folder `.local/`.
    pub state: PathBuf,
    /// Where the binaries `post-log` and `get-logs` are.
    pub functions: PathBuf,
    /// Port of the POST gateway; 0 for any.
    pub post_port: u16,
    /// Port of the GET gateway; 0 for any.
    pub get_port: u16,
    /// Environments per function.
    pub concurrency: usize,
    /// How long a function may take for one event.
    pub timeout: Duration,
    /// Seconds that get-logs keeps a list.
    pub cache: u8,
    /// Usage plan: requests a second.
    pub rate: NonZeroU32,
    /// Usage plan: requests at once.
    pub burst: NonZeroU32,
    /// Which database.
    pub database: DatabaseChoice,
}

/// Why it does not come up: one sentence, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// Somebody else listens there.
    #[error("port {port} is taken; stop what listens there, or choose another one with {option}")]
    PortTaken {
        /// Which port.
        port: u16,
        /// What chooses another one.
        option: &'static str,
    },
    /// Not for this user.
    #[error("port {port} is not for this user; choose one above 1023 with {option}")]
    PortForbidden {
        /// Which port.
        port: u16,
        /// What chooses another one.
        option: &'static str,
    },
    /// The binaries are not there.
    #[error("{0} is not there; build it with ./dev up, or name its folder with --functions")]
    NotBuilt(PathBuf),
    /// The folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// The settings.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// secrets.json.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The private server.
    #[error(transparent)]
    Server(#[from] crate::database::ServerError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] logs_core::mysql::MigrateError),
    /// A gateway does not answer as it should.
    #[error("the {api} gateway does not answer as it should ({answer}); its log is in {}", logs.display())]
    SelfCheck {
        /// Which one.
        api: &'static str,
        /// What it answered.
        answer: String,
        /// Where to look.
        logs: PathBuf,
    },
    /// Anything else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Both gateways, running.
pub struct Running {
    state: StateFolder,
    database: Database,
    functions: [Function; 2],
    gateways: [Gateway; 2],
    endpoints: Endpoints,
    open_requests_limit: Duration,
}

/// Starts everything; `progress` gets a line before each step that takes time.
pub async fn start(options: &UpOptions, progress: impl Fn(&str)) -> Result<Running, UpError> {
    let state = StateFolder::open(&options.state)?;
    start_log(&state)?;
    let keys = state.keys()?;
    let programs = ["post-log", "get-logs"].map(|name| options.functions.join(name));
    if let Some(missing) = programs.iter().find(|program| !program.is_file()) {
        return Err(UpError::NotBuilt(missing.clone()));
    }
    // Both, before anything slow is started: an error here is the most likely one.
    let listeners = [listen(options.post_port, "--post-port").await?, listen(options.get_port, "--get-port").await?];
    let origin = allowed_origin(&environment)?;
    operator_log::parse_filter(environment("RUST_LOG").as_deref())?;

    let database = Database::start(&options.database, &state, &keys, &progress).await?;
    progress("bringing the schema up to date");
    migrate(&DatabaseSettings::from_url(database.url())?).await?;

    progress("starting the gateways");
    let [post_program, get_program] = programs;
    let function = |name: &str, program: PathBuf| function(options, &state, database.url(), &origin, name, program);
    let functions = [function("post-log", post_program), function("get-logs", get_program)];
    let gateway = |listener, method, api_key: &str, function: &Function| {
        let config = GatewayConfig {
            method,
            api_key: api_key.to_owned(),
            usage_plan: UsagePlan::new(options.rate, options.burst),
            allowed_origin: HeaderValue::from_str(&origin).map_err(std::io::Error::other)?,
            function: function.clone(),
        };
        Gateway::start(listener, config)
    };
    let [post_listener, get_listener] = listeners;
    let gateways = [
        gateway(post_listener, Method::POST, &keys.post, &functions[0])?,
        gateway(get_listener, Method::GET, &keys.get, &functions[1])?,
    ];

    let endpoint = |gateway: &Gateway, key: &String| Endpoint { url: gateway.url(), api_key: key.clone() };
    let endpoints = Endpoints {
        post: endpoint(&gateways[0], &keys.post),
        get: endpoint(&gateways[1], &keys.get),
        database_url: database.url().to_owned(),
        queue: None,
    };
    // A moment more than a function may take: what was begun is answered.
    let open_requests_limit = options.timeout + Duration::from_secs(1);
    let running = Running { state, database, functions, gateways, endpoints, open_requests_limit };
    match self_check::run(&running.endpoints, &running.state.logs()).await {
        Ok(()) => {
            running.state.publish_endpoints(&running.endpoints)?;
            Ok(running)
        }
        Err(error) => {
            running.stop(std::future::ready(())).await;
            Err(error)
        }
    }
}

impl Running {
    /// What `endpoints.json` says.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The folder.
    #[must_use]
    pub fn state(&self) -> &StateFolder {
        &self.state
    }

    /// Returns only when the private server has ended and could not be started again.
    pub async fn keep_database_running(&mut self, progress: impl Fn(&str)) -> UpError {
        self.database.keep_running(progress).await
    }

    /// Stops everything that was started. Requests that are open are answered first, unless they take longer than
    /// a function may, or `hurry` comes first.
    pub async fn stop(self, hurry: impl Future<Output = ()>) {
        self.state.withdraw_endpoints();
        let [post, get] = self.gateways;
        let [post_log, get_logs] = &self.functions;
        let answered = async {
            tokio::join!(post.stop(self.open_requests_limit), get.stop(self.open_requests_limit));
            tokio::join!(post_log.finish(), get_logs.finish());
        };
        tokio::select! {
            () = answered => {}
            () = hurry => {}
        }
        tokio::join!(post_log.stop(), get_logs.stop());
        self.database.stop().await;
    }
}

/// What the gateways have to say goes to a file: the terminal is for people.
fn start_log(state: &StateFolder) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(log_file(&state.logs(), "gateways"))?;
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::sync::Mutex::new(file));
    // Only the first one counts; there is one in a process, tests apart.
    let _ = subscriber.try_init();
    Ok(())
}

async fn listen(port: u16, option: &'static str) -> Result<TcpListener, UpError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => UpError::PortTaken { port, option },
        std::io::ErrorKind::PermissionDenied => UpError::PortForbidden { port, option },
        _ => UpError::Io(error),
    })
}

fn function(
    options: &UpOptions,
    state: &StateFolder,
    database_url: &str,
    origin: &str,
    name: &str,
    program: PathBuf,
) -> Function {
    let mut variables =
        vec![("DATABASE_URL".to_owned(), database_url.to_owned()), ("ALLOWED_ORIGIN".to_owned(), origin.to_owned())];
    if name == "get-logs" {
        variables.push(("CACHE_SECONDS".to_owned(), options.cache.to_string()));
    }
    variables.extend(environment("RUST_LOG").map(|filter| ("RUST_LOG".to_owned(), filter)));
    Function::new(FunctionConfig {
        name: name.to_owned(),
        program,
        variables,
        timeout: options.timeout,
        concurrency: options.concurrency,
        log_file: log_file(&state.logs(), name),
    })
}

/// The log of a function or of the gateways.
fn log_file(logs: &Path, name: &str) -> PathBuf {
    logs.join(format!("{name}.log"))
}
