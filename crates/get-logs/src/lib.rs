//! GET /logs: the 10 most recent error codes, for a dashboard.

use logs_core::mysql::Store;
use rest_proxy::{Answer, Request};

/// The function: it only reads.
#[derive(Debug)]
pub struct GetLogs {
    /// Where the logs are.
    pub store: Store,
}

impl GetLogs {
    /// Answers one GET; nothing in the request changes the answer.
    pub async fn handle(&self, request: &Request) -> Answer {
        match self.store.most_recent(request.deadline).await {
            Ok(most_recent) => {
                tracing::info!(logs = most_recent.result.len(), "listed");
                Answer::ok(&most_recent)
            }
            Err(error) => {
                tracing::error!(%error, "not listed");
                Answer::out_of_reach(&request.id)
            }
        }
    }
}
