//! What all AWS clients share: one TLS stack, Amazon's roots, credentials and region from the environment.

use std::error::Error;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector, HttpClientError};

use crate::certificates;
use crate::settings::environment;

/// The pause before the second attempt. Doubled before the third.
const BACKOFF: Duration = Duration::from_millis(50);

/// The configuration of a client for `service`, as in `AWS_ENDPOINT_URL_SQS`: three attempts, each within
/// `attempt_limit`, with ring as the TLS stack and Amazon's roots alone. `region` wins over `AWS_REGION`.
///
/// Lambda passes credentials in environment variables. The default chain of `aws-config` would also ask profiles, STS and
/// the instance's metadata: it makes the zip of post-log 15 % larger (docs/decisions/0068).
pub fn config(service: &str, region: Option<&str>, attempt_limit: Duration) -> Result<SdkConfig, HttpClientError> {
    let http = Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(tls()?).build_https();
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    // Half for the connection: then it is certain that nothing was sent.
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_limit).connect_timeout(attempt_limit / 2);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .credentials_provider(credentials)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_initial_backoff(BACKOFF))
        .region(self::region(region).map(Region::new));
    if let Some(url) = endpoint_url(service) {
        config = config.endpoint_url(url);
    }
    Ok(config.build())
}

/// A client for single requests, on the same TLS stack.
pub(super) fn connector() -> Result<Connector, HttpClientError> {
    Ok(Connector::builder().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(tls()?).build())
}

/// The given region, or that of the environment.
#[must_use]
pub fn region(given: Option<&str>) -> Option<String> {
    given.map(str::to_owned).or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// The endpoint of a service, if it is not AWS's own.
pub(super) fn endpoint_url(service: &str) -> Option<String> {
    variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"))
}

fn tls() -> Result<TlsContext, HttpClientError> {
    let trusted = TrustStore::empty().with_pem_certificate(certificates::AMAZON);
    TlsContext::builder().with_trust_store(trusted).build()
}

fn variable(name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

/// The messages of an error and of its causes. Not the debug output, which might show a response with a secret in it.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
