//! `endpoints.json`: what a run tells its clients.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::StateError;

/// What `endpoints.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where devices POST.
    pub post: Endpoint,
    /// Where dashboards GET.
    pub get: Endpoint,
    /// The database behind both; empty where that is a table.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub database_url: String,
    /// The table behind both, where DynamoDB is the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableEndpoint>,
    /// Between POST and the database, in queued mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueEndpoint>,
}

/// The table, for DynamoDB's protocol; any credentials will do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableEndpoint {
    /// Its name.
    pub name: String,
    /// Where DynamoDB is.
    pub endpoint: String,
    /// The region of the table.
    pub region: String,
}

/// The queue of queued mode, for SQS's protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueEndpoint {
    /// The queue's URL.
    pub url: String,
    /// The URL of its dead-letter queue.
    pub dead_letter_url: String,
    /// Where SQS is; any credentials will do.
    pub endpoint: String,
    /// The region of the queues.
    pub region: String,
}

/// One API.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// With the path.
    pub url: String,
    /// For the header `x-api-key`.
    pub api_key: String,
}

impl Endpoint {
    /// The address of the dashboard page: the API's root.
    #[must_use]
    pub fn page(&self) -> &str {
        self.url.trim_end_matches("logs")
    }
}

impl Endpoints {
    /// Of the run that uses this folder.
    pub fn of_running(state: &Path) -> Result<Self, StateError> {
        let json = fs::read(state.join("endpoints.json")).map_err(|_| StateError::NotRunning(state.to_owned()))?;
        serde_json::from_slice(&json).map_err(|_| StateError::NotRunning(state.to_owned()))
    }
}
