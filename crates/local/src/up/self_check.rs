//! Sends a request to both gateways before their URLs are printed.

use std::path::Path;

use crate::Failure;
use crate::state::Endpoints;

pub(super) async fn run(endpoints: &Endpoints, logs: &Path) -> Result<(), Failure> {
    // Loopback requests must not go through a proxy that the environment names.
    let client = reqwest::Client::builder().no_proxy().build()?;
    let listed = client.get(&endpoints.get.url).header("x-api-key", &endpoints.get.api_key);
    expect("get-logs", listed, 200, logs).await?;
    // The function itself refuses an empty batch, and stores nothing.
    let refused = client.post(&endpoints.post.url).header("x-api-key", &endpoints.post.api_key).body("[]");
    expect("post-log", refused, 400, logs).await
}

async fn expect(api: &str, request: reqwest::RequestBuilder, status: u16, logs: &Path) -> Result<(), Failure> {
    let answer = match request.send().await {
        Ok(answer) if answer.status() == status => return Ok(()),
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    };
    let logs = logs.display();
    Err(format!("the {api} gateway does not answer as it should ({answer}); its log is in {logs}").into())
}
