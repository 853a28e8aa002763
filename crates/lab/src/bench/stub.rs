//! Stubs of AWS services that give one fixed answer at once, so that a function's own time remains. They run in this
//! process: moto's milliseconds would dominate the figures.

use std::io;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The ARN of the only secret.
pub(crate) const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:post-log-AbCdEf";

/// Serves until it is dropped.
pub(crate) struct Stub {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    server: JoinHandle<()>,
}

impl Stub {
    /// A Secrets Manager with one secret.
    /// Format: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
    pub(crate) async fn secrets_manager(secret: &Value) -> io::Result<Self> {
        let answer = json!({
            "ARN": ARN,
            "CreatedDate": 1_514_864_773,
            "Name": "post-log",
            "SecretString": secret.to_string(),
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
        });
        Self::start("application/x-amz-json-1.1", &answer).await
    }

    /// An SQS that accepts every message.
    /// Format: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    pub(crate) async fn queue() -> io::Result<Self> {
        // The function does not compare the checksum.
        let answer = json!({
            "MessageId": "00000000-0000-4000-8000-000000000000",
            "MD5OfMessageBody": "00000000000000000000000000000000",
        });
        Self::start("application/x-amz-json-1.0", &answer).await
    }

    async fn start(content_type: &'static str, answer: &Value) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer = answer.to_string();
        let router = Router::new().route("/", post(async move || ([(CONTENT_TYPE, content_type)], answer.clone())));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // Ends only with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, server })
    }

    /// Times one request on a new connection, by a bare client.
    pub(crate) async fn time(&self) -> Result<Duration, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let started = Instant::now();
        client.post(&self.url).body("{}").send().await?.error_for_status()?.bytes().await?;
        Ok(started.elapsed())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}
