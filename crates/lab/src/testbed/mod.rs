//! The fixture of all commands: a private store and the built functions. A [`Service`] is the gateway with post-log behind
//! it, a [`Queue`] what stands between POST and the store in queued mode.

mod database;
mod mysql;
mod queue;
mod quiet;
mod service;
mod store;
mod stored;
mod table;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use local::binaries;
use local::lambda::FunctionConfig;
use local::progress::Progress;
use local::signals::StopSignals;
use local::temporary_folder::TemporaryFolder;

use crate::error::LabError;
use crate::table::Report;

pub(crate) use database::Database;
pub(crate) use mysql::{DATABASE, MySql};
pub(crate) use queue::{Consumer, Queue};
pub(crate) use service::{Service, unlimited};
pub(crate) use store::{Store, StoreName};
pub(crate) use stored::{Ledger, Stored};
pub(crate) use table::Table;

/// What a command needs.
pub(crate) struct Setup<'a> {
    /// Says how far it is, and names the folder.
    pub(crate) progress: Progress,
    /// The functions that must be built, and their folder; by default where this program is.
    pub(crate) functions: &'a [&'a str],
    pub(crate) built: Option<&'a Path>,
    pub(crate) store: StoreName,
    /// Whether MySQL offers TLS.
    pub(crate) tls: bool,
    /// Further options of MySQL's server.
    pub(crate) options: &'a [String],
}

impl<'a> Setup<'a> {
    /// On MySQL, without TLS, and with the server as it comes.
    pub(crate) fn new(progress: Progress, functions: &'a [&'a str], built: Option<&'a Path>) -> Self {
        Self { progress, functions, built, store: StoreName::Mysql, tls: false, options: &[] }
    }
}

/// Everything that runs as long as the command.
pub(crate) struct Testbed {
    pub(crate) progress: Progress,
    pub(crate) store: Store,
    /// Where the built functions are.
    pub(crate) programs: PathBuf,
    folder: TemporaryFolder,
}

impl Testbed {
    async fn start(setup: Setup<'_>) -> Result<Self, LabError> {
        let Setup { progress, functions, built, store, tls, options } = setup;
        let programs = binaries::folder_of(functions, built)?;
        let folder = TemporaryFolder::new(progress.command())?;
        progress.say("starting a private database server");
        let store = Store::start(store, folder.path(), tls, options).await?;
        Ok(Self { progress, store, programs, folder })
    }

    /// Data and logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a function writes.
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.log"))
    }

    /// A function with these settings and those that all have in serverless.yml.
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

/// Works on a new testbed until it is done or a signal comes, stops what runs, and reports. Whether all is good.
pub(crate) async fn run<R: Report>(
    setup: Setup<'_>,
    json: Option<PathBuf>,
    work: impl AsyncFnOnce(&mut Testbed) -> Result<R, LabError>,
) -> Result<bool, LabError> {
    let mut signals = StopSignals::new()?;
    let starting: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(Testbed::start(setup));
    let mut testbed = signals.interrupt(starting).await??;
    // Boxed to keep the SDK's large types out of every caller's future.
    let working: Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(work(&mut testbed));
    let outcome = signals.interrupt(working).await;
    testbed.progress.say("stopping the server");
    testbed.store.kill().await;
    if match &outcome {
        Ok(Ok(report)) => report.is_for_the_logs(),
        Ok(Err(error)) => error.is_in_the_logs(),
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
