//! The fixture of all commands: a private store and the built functions. [`Service`] is a gateway with post-log behind it;
//! [`Queue`] stands between POST and the store in queued mode.

mod database;
mod mysql;
mod options;
mod queue;
mod service;
mod store;
mod stored;
mod table;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use local::binaries;
use local::lambda::{Environment, FunctionConfig};
use local::processes;
use local::progress::Progress;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;
use tokio::time::{Instant, sleep};

use crate::error::{LabError, SeeLogs};
use crate::table::Report;

pub(crate) use mysql::{DATABASE, MySql};
pub(crate) use options::RunOptions;
pub(crate) use queue::{Consumer, Queue};
pub(crate) use service::{Service, unlimited};
pub(crate) use store::{Store, StoreName};
pub(crate) use stored::{Ledger, Stored};
pub(crate) use table::Table;

/// What a command needs.
pub(crate) struct Setup<'a> {
    pub(crate) progress: Progress,
    /// The functions that must be built.
    pub(crate) functions: &'a [&'a str],
    pub(crate) options: &'a RunOptions,
    /// Whether MySQL offers TLS.
    pub(crate) tls: bool,
    /// More options for MySQL's server.
    pub(crate) server_options: &'a [String],
}

impl<'a> Setup<'a> {
    /// Without TLS, and with the server's default options.
    pub(crate) fn new(progress: Progress, functions: &'a [&'a str], options: &'a RunOptions) -> Self {
        Self { progress, functions, options, tls: false, server_options: &[] }
    }
}

/// Runs as long as the command.
pub(crate) struct Testbed {
    pub(crate) progress: Progress,
    pub(crate) store: Store,
    /// Where the built functions are.
    pub(crate) programs: PathBuf,
    folder: TemporaryFolder,
}

impl Testbed {
    async fn start(setup: Setup<'_>) -> Result<Self, LabError> {
        let Setup { progress, functions, options, tls, server_options } = setup;
        let programs = binaries::folder_of(functions, options.functions.as_deref())?;
        let folder = TemporaryFolder::new(progress.command())?;
        progress.say("starting a private database server");
        let store = Store::start(options.store, folder.path(), tls, server_options).await?;
        Ok(Self { progress, store, programs, folder })
    }

    /// The folder for data and logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The log of a function.
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.log"))
    }

    /// A function with these settings, and with those of all functions in serverless.yml.
    pub(crate) fn function(
        &self,
        name: &str,
        settings: Vec<(&'static str, String)>,
        timeout: Duration,
        concurrency: usize,
    ) -> FunctionConfig {
        let of_all = [("MALLOC_MMAP_THRESHOLD_", "131072".to_owned())];
        let variables = settings.into_iter().chain(of_all).map(|(name, value)| (name.to_owned(), value)).collect();
        let (program, log_file) = (self.programs.join(name), self.log_file(name));
        FunctionConfig { name: name.to_owned(), program, variables, timeout, concurrency, log_file }
    }
}

/// Starts a testbed and works on it, until the work is done or a signal comes. Then stops everything and writes the report.
/// Returns whether all promises were kept.
pub(crate) async fn run<R: Report>(
    setup: Setup<'_>,
    work: impl AsyncFnOnce(&mut Testbed) -> Result<R, LabError>,
) -> Result<bool, LabError> {
    let json = setup.options.json.clone();
    let mut signals = StopSignals::new()?;
    let mut testbed = signals.interrupt(boxed(Testbed::start(setup))).await??;
    let outcome = signals.interrupt(boxed(work(&mut testbed))).await;
    testbed.progress.say("stopping the server");
    testbed.store.kill().await;
    if match &outcome {
        Ok(Ok(report)) => report.is_for_the_logs(),
        Ok(Err(error)) => error.is::<SeeLogs>(),
        Err(_) => false,
    } {
        testbed.folder.keep();
        let folder = testbed.folder().display();
        testbed.progress.say(&format!("the data and the functions' logs are kept in {folder}"));
    }
    let report = outcome??;
    report.write(json)?;
    Ok(report.is_good())
}

/// The peak memory of an environment so far, in megabytes.
pub(crate) fn peak_memory(environment: &Environment, function: &str) -> Result<f64, LabError> {
    let peak = environment.process_id().and_then(processes::peak_memory);
    peak.ok_or_else(|| format!("the peak memory of {function} cannot be read from /proc").into())
}

/// Hides the type of a future. The futures of the SDK are large and deeply nested; the compiler would carry their types
/// into every caller.
fn boxed<'a, T>(future: impl Future<Output = T> + 'a) -> Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

/// Asks every 20 ms until it is done. `failure` is the error after `limit`.
async fn wait_until(
    limit: Duration,
    failure: &str,
    mut is_done: impl AsyncFnMut() -> Result<bool, LabError>,
) -> Result<(), LabError> {
    let started = Instant::now();
    while !is_done().await? {
        if started.elapsed() > limit {
            return Err(failure.into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
