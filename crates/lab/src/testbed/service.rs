//! A gateway with post-log behind it.

use std::num::NonZeroU32;
use std::time::Duration;

use http::{HeaderValue, Method};
use local::gateway::{Gateway, GatewayConfig, UsagePlan};
use local::lambda::{Function, FunctionConfig};
use tokio::net::TcpListener;

use crate::client::Api;
use crate::error::LabError;

/// How long open requests may take at the stop.
const STOP_LIMIT: Duration = Duration::from_secs(11);

/// Serves until it is dropped.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) api_key: String,
    gateway: Gateway,
    function: Function,
}

/// A usage plan that refuses nothing.
pub(crate) fn unlimited() -> UsagePlan {
    UsagePlan::new(NonZeroU32::MAX, NonZeroU32::MAX)
}

impl Service {
    pub(crate) async fn start(post_log: FunctionConfig, usage_plan: UsagePlan) -> Result<Self, LabError> {
        let api_key = uuid::Uuid::new_v4().simple().to_string();
        let function = Function::new(post_log);
        let config = GatewayConfig {
            method: Method::POST,
            api_key: api_key.clone(),
            usage_plan,
            allowed_origin: HeaderValue::from_static("*"),
            function: function.clone(),
            page: None,
        };
        let gateway = Gateway::start(TcpListener::bind("127.0.0.1:0").await?, config)?;
        Ok(Self { url: gateway.url(), api_key, gateway, function })
    }

    /// A client with the API key.
    pub(crate) fn client(&self) -> Result<Api, LabError> {
        Ok(Api::new(self.url.clone(), &self.api_key)?)
    }

    /// Answers open requests, then ends the function.
    pub(crate) async fn stop(self) {
        self.gateway.stop(STOP_LIMIT).await;
        self.function.finish().await;
        self.function.stop().await;
    }
}
