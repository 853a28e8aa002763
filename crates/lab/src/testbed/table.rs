//! DynamoDB as the store: dynoxide on a file, behind a proxy that can throttle and counts units.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use local::dynoxide::{self, Dynoxide, DynoxideOptions};
use local::fault_proxy::FaultProxy;
use logs_core::dynamodb::DynamoStore;

use crate::error::LabError;

/// A private server with a table. Its data survives kill -9.
pub(crate) struct Table {
    pub(crate) server: Dynoxide,
    /// Before the server: measures and breaks the requests that pass through it.
    pub(crate) faults: FaultProxy,
    /// Program and version of the server.
    pub(super) server_name: String,
    /// The number in the name of the current table.
    number: AtomicU32,
}

impl Table {
    pub(super) async fn start(folder: &Path) -> Result<Self, LabError> {
        let options = DynoxideOptions {
            file: Some(folder.join("table.sqlite")),
            log_file: Some(folder.join("dynoxide.log")),
            ..DynoxideOptions::default()
        };
        let server = Dynoxide::start(&options).await?;
        let server_name = format!("DynamoDB ({})", server.version().await?);
        let faults = FaultProxy::before(&server.url()).await?;
        let table = Self { server, faults, server_name, number: AtomicU32::new(1) };
        table.create().await?;
        Ok(table)
    }

    /// The settings of a function on the table `name` behind this port.
    pub(crate) fn settings(name: &str, port: u16) -> Vec<(&'static str, String)> {
        dynoxide::settings(name, &format!("http://127.0.0.1:{port}")).into()
    }

    /// Makes a new, empty table the current one. Running functions keep theirs.
    pub(crate) async fn take_new_table(&self) -> Result<(), LabError> {
        self.number.fetch_add(1, Relaxed);
        self.create().await
    }

    async fn create(&self) -> Result<(), LabError> {
        Ok(self.store()?.create_table().await?)
    }

    /// The name of the current table.
    pub(crate) fn name(&self) -> String {
        format!("error-codes-lab-{}", self.number.load(Relaxed))
    }

    /// The current table, around the proxy.
    pub(crate) fn store(&self) -> Result<DynamoStore, LabError> {
        self.server.table(&self.name())
    }
}
