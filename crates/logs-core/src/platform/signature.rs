//! AWS's signature, version 4, by the credentials that Lambda has put into the environment.

use std::time::{Duration, UNIX_EPOCH};

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    SignableRequest, SigningError, SigningInstructions, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4;

/// What a signature is valid for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
}

/// The credentials of this environment. The error is for the operator.
pub(super) async fn credentials() -> Result<Credentials, String> {
    let provider = EnvironmentVariableCredentialsProvider::new();
    provider.provide_credentials().await.map_err(|error| crate::aws::explain(&error))
}

/// Signs the request at this time since 1970. Returns what makes it a signed one. The error is for the operator.
pub(super) fn sign(
    request: Result<SignableRequest<'_>, SigningError>,
    scope: Scope<'_>,
    settings: SigningSettings,
    credentials: Credentials,
    now: Duration,
) -> Result<SigningInstructions, String> {
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(UNIX_EPOCH + now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let explain = |error: SigningError| crate::aws::explain(&error);
    let signed = sign_request(request.map_err(explain)?, &parameters).map_err(explain)?;
    Ok(signed.into_parts().0)
}
