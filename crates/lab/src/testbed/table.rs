//! DynamoDB as the store: dynoxide on a file, and a way to it that can throttle and counts.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use local::dynoxide::{Dynoxide, DynoxideOptions};
use local::fault_proxy::FaultProxy;
use local::moto::{KEY, REGION};
use logs_core::dynamodb::{DynamoStore, TableSettings};

use crate::error::LabError;

/// A private server with a table. Its data outlive kill -9.
pub(crate) struct Table {
    pub(crate) server: Dynoxide,
    /// Before the server; what goes past it can be measured and attacked.
    pub(crate) faults: FaultProxy,
    /// Program and version of the server.
    pub(super) server_name: String,
    /// Of the table in use.
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

    /// What a function needs to find the table of this name at this port.
    pub(crate) fn settings(name: &str, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("TABLE_NAME", name.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{port}")),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ]
    }

    /// Takes another table, which is empty. Functions that run keep theirs.
    pub(crate) async fn begin_anew(&self) -> Result<(), LabError> {
        self.number.fetch_add(1, Relaxed);
        self.create().await
    }

    async fn create(&self) -> Result<(), LabError> {
        Ok(self.store()?.create_table().await?)
    }

    /// The name of the table in use.
    pub(crate) fn name(&self) -> String {
        format!("error-codes-lab-{}", self.number.load(Relaxed))
    }

    /// The table past any proxy, with the rights of an operator.
    pub(crate) fn store(&self) -> Result<DynamoStore, LabError> {
        let settings = TableSettings::from_environment(&|name| (name == "TABLE_NAME").then(|| self.name()));
        let settings = settings?.ok_or(LabError::NotOnThisStore("MySQL"))?;
        Ok(DynamoStore::at(&self.server.url(), settings)?)
    }
}
