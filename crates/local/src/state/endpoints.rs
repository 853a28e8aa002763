//! `endpoints.json`, which tells clients where a running `./dev up` is.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where devices POST.
    pub post: Endpoint,
    /// Where dashboards GET.
    pub get: Endpoint,
    /// Empty on DynamoDB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub database_url: String,
    /// Only on DynamoDB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableEndpoint>,
    /// Only in queued mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueEndpoint>,
}

/// The table. Any credentials will do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableEndpoint {
    pub name: String,
    pub endpoint: String,
    pub region: String,
}

/// The queues of queued mode. Any credentials will do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueEndpoint {
    pub url: String,
    pub dead_letter_url: String,
    pub endpoint: String,
    pub region: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// With the path.
    pub url: String,
    /// For the header `x-api-key`.
    pub api_key: String,
}

impl Endpoint {
    /// The URL of the dashboard page: the API's root.
    pub fn page(&self) -> &str {
        self.url.trim_end_matches("logs")
    }
}

impl Endpoints {
    /// Reads the endpoints of the run that uses this folder.
    pub fn of_running(state: &Path) -> Result<Self, Failure> {
        let json = fs::read(state.join("endpoints.json")).unwrap_or_default();
        let not_running = |_| format!("nothing is running in {}; start ./dev up", state.display());
        Ok(serde_json::from_slice(&json).map_err(not_running)?)
    }
}
