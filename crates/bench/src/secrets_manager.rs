//! A Secrets Manager that has one secret and answers at once: what a start takes beyond it is the function's own.
//! In this process, not moto: Python's milliseconds would be most of what is measured.
//! Format: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use std::io;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Of the secret, whatever the function asks for.
pub(crate) const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:post-log-AbCdEf";

/// Serves until it is dropped.
pub(crate) struct SecretsManager {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl SecretsManager {
    /// With the secret's content.
    pub(crate) async fn start(secret: &Value) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer = json!({
            "ARN": ARN,
            "CreatedDate": 1_514_864_773,
            "Name": "post-log",
            "SecretString": secret.to_string(),
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
        })
        .to_string();
        let router = Router::new()
            .route("/", post(async move || ([(CONTENT_TYPE, "application/x-amz-json-1.1")], answer.clone())));
        let server = tokio::spawn(async move {
            // Serving never ends by itself, and fails for no reason but that.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, server })
    }

    /// How long an answer takes on a new connection, by a client that does nothing else.
    pub(crate) async fn time(&self) -> Result<Duration, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let started = Instant::now();
        client.post(&self.url).body("{}").send().await?.error_for_status()?.bytes().await?;
        Ok(started.elapsed())
    }
}

impl Drop for SecretsManager {
    fn drop(&mut self) {
        self.server.abort();
    }
}
