//! Sends a request to both gateways, as a client would, before their URLs are printed.

use std::path::Path;

use super::error::UpError;
use crate::state::Endpoints;

pub(super) async fn run(endpoints: &Endpoints, logs: &Path) -> Result<(), UpError> {
    // Loopback addresses must not go through a proxy that the environment names.
    let client = reqwest::Client::builder().no_proxy().build().map_err(std::io::Error::other)?;
    let listed = client.get(&endpoints.get.url).header("x-api-key", &endpoints.get.api_key);
    expect("get-logs", listed, 200, logs).await?;
    // An empty batch is refused by the function itself, and stores nothing.
    let refused = client.post(&endpoints.post.url).header("x-api-key", &endpoints.post.api_key).body("[]");
    expect("post-log", refused, 400, logs).await
}

async fn expect(api: &'static str, request: reqwest::RequestBuilder, status: u16, logs: &Path) -> Result<(), UpError> {
    let answer = match request.send().await {
        Ok(answer) if answer.status() == status => return Ok(()),
        Ok(answer) => answer.status().to_string(),
        Err(error) => error.to_string(),
    };
    Err(UpError::SelfCheck(api, answer, logs.to_owned()))
}
