//! What both clients of AWS need: one TLS stack, Amazon's roots, credentials and region from the environment.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, HttpClientError};

use crate::certificates;

/// Before the second attempt, and doubled before the third.
const BACKOFF: Duration = Duration::from_millis(50);

/// The configuration of a client: three attempts, each within `attempt_limit`, with ring as the one TLS stack and Amazon's
/// roots alone. `region` wins over that of the environment.
pub async fn config(region: Option<&str>, attempt_limit: Duration) -> Result<SdkConfig, HttpClientError> {
    let trusted = TrustStore::empty().with_pem_certificate(certificates::AMAZON);
    let tls = TlsContext::builder().with_trust_store(trusted).build()?;
    let http = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(tls).build_https();
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_limit).build();
    let mut config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_initial_backoff(BACKOFF));
    if let Some(region) = region {
        config = config.region(Region::new(region.to_owned()));
    }
    // Of a deep type, which everything around would have in its own.
    let loading: Pin<Box<dyn Future<Output = SdkConfig> + Send>> = Box::pin(config.load());
    Ok(loading.await)
}

/// What went wrong and why, by the errors' own texts: their debug output might show an answer with a secret in it.
#[must_use]
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
