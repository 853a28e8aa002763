//! Calls of AWS services without their SDKs: signed requests, and what a service that speaks JSON 1.1 makes of them.
//!
//! Each call connects anew: calls happen about once per environment, and a connection kept for the next one would not
//! survive the freeze in between.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use super::signature::{self, Scope};
use super::{Backoff, aws, clock};

/// The limit for one attempt. The services usually respond within tens of milliseconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);

const ATTEMPTS: u32 = 3;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// A request to a service.
pub struct Call<'a> {
    /// `GET`, `POST` …
    pub method: &'a str,
    /// With the query.
    pub path: &'a str,
    /// But for those of the signature.
    pub headers: &'a [(&'a str, &'a str)],
    /// Empty, or JSON.
    pub body: &'a str,
}

/// A service of AWS.
#[derive(Clone, Copy)]
pub struct Service {
    /// In host names, and in the scope of a signature: `ssm`.
    pub name: &'static str,
    /// In `AWS_ENDPOINT_URL_SSM`: `SSM`.
    pub endpoint: &'static str,
}

/// Where a service is, and a client for it.
struct Endpoint {
    service: &'static str,
    region: String,
    url: String,
    connector: Connector,
}

/// An operation of a service.
pub(super) struct Operation {
    pub(super) service: Service,
    /// As in the header `x-amz-target`.
    pub(super) target: &'static str,
}

/// Why there is no response. The texts are for the operator, and show nothing of a response with status 200.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The service refused.
    Refused(String),
    /// No response, or a malformed one.
    OutOfReach(String),
}

impl Service {
    /// Sends a request once. Region, credentials, and the endpoint where it is not AWS's own, come from the environment.
    /// Returns status and body; the error is for the operator.
    pub async fn send(self, call: Call<'_>, limit: Duration) -> Result<(u16, Vec<u8>), String> {
        let endpoint = self.endpoint(None)?;
        endpoint.send(endpoint.request(&call).await?, limit).await
    }

    /// `region` wins over `AWS_REGION`.
    fn endpoint(self, region: Option<&str>) -> Result<Endpoint, String> {
        let region = aws::region(region).ok_or("AWS_REGION is not set")?;
        let url = aws::endpoint_url(self.endpoint).unwrap_or_else(|| url(self.name, &region));
        let connector = aws::connector().map_err(|error| aws::explain(&error))?;
        Ok(Endpoint { service: self.name, region, url, connector })
    }
}

impl Endpoint {
    /// Signed now.
    async fn request(&self, call: &Call<'_>) -> Result<Request, String> {
        let scope = Scope { service: self.service, region: &self.region };
        request(scope, &self.url, call, signature::credentials().await?, clock::since_epoch())
    }

    async fn send(&self, request: Request, limit: Duration) -> Result<(u16, Vec<u8>), String> {
        let in_time = tokio::time::timeout(limit, send(&self.connector, request)).await;
        in_time.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
    }
}

impl Operation {
    /// Sends the request, with retries. `region` wins over `AWS_REGION`. Credentials, and the endpoint where it is not
    /// AWS's own, come from the environment.
    pub(super) async fn call(&self, region: Option<&str>, body: &Value) -> Result<Value, CallError> {
        let out_of_reach = CallError::OutOfReach;
        let body = body.to_string();
        let call = Call { method: "POST", path: "/", headers: &self.headers(), body: &body };
        let endpoint = self.service.endpoint(region).map_err(out_of_reach)?;
        let mut backoff = Backoff::default();
        let mut attempts = 0;
        loop {
            backoff.after_the_first().await;
            attempts += 1;
            let request = endpoint.request(&call).await.map_err(out_of_reach)?;
            let answer = endpoint.send(request, ATTEMPT_LIMIT).await.map_err(out_of_reach);
            match answer.and_then(|(status, bytes)| judge(status, &bytes)) {
                Err(CallError::OutOfReach(_)) if attempts < ATTEMPTS => {}
                outcome => return outcome,
            }
        }
    }

    fn headers(&self) -> [(&'static str, &'static str); 2] {
        [("content-type", CONTENT_TYPE), ("x-amz-target", self.target)]
    }
}

/// AWS's own endpoint.
fn url(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{domain}")
}

/// The signed request, at this time since 1970.
fn request(
    scope: Scope<'_>,
    url: &str,
    call: &Call<'_>,
    credentials: Credentials,
    now: Duration,
) -> Result<Request, String> {
    let Call { method, path, headers, body } = *call;
    let url = format!("{}{path}", url.trim_end_matches('/'));
    let signable = SignableRequest::new(method, &*url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
    let signed = signature::sign(signable, scope, SigningSettings::default(), credentials, now)?;
    let mut request = Request::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| error.to_string())?;
    request.set_uri(url).map_err(|error| error.to_string())?;
    for (name, value) in headers.iter().copied().chain(signed.headers()) {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    Ok(request)
}

async fn send(connector: &impl HttpConnector, request: Request) -> Result<(u16, Vec<u8>), String> {
    let response = connector.call(request).await.map_err(|error| aws::explain(&error))?;
    let status = response.status().as_u16();
    let body = ByteStream::new(response.into_body()).collect().await;
    Ok((status, body.map_err(|error| aws::explain(&error))?.to_vec()))
}

/// A 4xx is a refusal, unless it is a throttle. Every other status but 200 means that the service is out of reach.
fn judge(status: u16, body: &[u8]) -> Result<Value, CallError> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    // `com.amazonaws.…#ParameterNotFound`, or the name alone.
    let code = answer.as_ref().and_then(|answer| answer["__type"].as_str()?.rsplit('#').next());
    match (status, &answer, code) {
        (200, Some(answer), _) => Ok(answer.clone()),
        (400..500, Some(answer), Some(code)) if !code.contains("Throttling") => {
            Err(CallError::Refused(format!("{} ({code})", message(answer).unwrap_or("without a reason"))))
        }
        (_, _, Some(code)) => Err(CallError::OutOfReach(format!("HTTP {status}: {code}"))),
        _ => Err(CallError::OutOfReach(format!("HTTP {status}: the response is not one of the service"))),
    }
}

/// Why a service refused, from the body of its answer.
pub fn message(answer: &Value) -> Option<&str> {
    ["message", "Message"].iter().find_map(|name| answer[*name].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET_PARAMETER: Operation =
        Operation { service: Service { name: "ssm", endpoint: "SSM" }, target: "AmazonSSM.GetParameter" };

    /// As botocore signs it. 2026-01-01 00:00:00 UTC.
    #[test]
    fn a_request_is_signed_as_another_implementation_signs_it() {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials = Credentials::new("AKIDEXAMPLE", secret, Some("session/+=token".to_owned()), None, "test");
        let body = r#"{"Name":"/error-codes/prod/database","WithDecryption":true}"#;
        let now = Duration::from_hours(490_896);
        let call = Call { method: "POST", path: "/", headers: &GET_PARAMETER.headers(), body };
        let scope = Scope { service: GET_PARAMETER.service.name, region: "eu-central-1" };
        let request = request(scope, &url("ssm", "eu-central-1"), &call, credentials, now).unwrap();
        assert_eq!(request.uri(), "https://ssm.eu-central-1.amazonaws.com/");
        assert_eq!(request.headers().get("x-amz-date"), Some("20260101T000000Z"));
        assert_eq!(request.headers().get("x-amz-security-token"), Some("session/+=token"));
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/ssm/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
             Signature=523e321b7c15b159848344a7636674e2d5900164325fa2ec8dcf6a0d63f1aaa0";
        assert_eq!(request.headers().get("authorization"), Some(expected));
    }

    #[test]
    fn china_has_a_domain_of_its_own() {
        assert_eq!(url("ssm", "cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_refusal_is_told_from_a_service_that_is_out_of_reach() {
        let refused = |text: &str| Err(CallError::Refused(text.to_owned()));
        let away = |text: &str| Err(CallError::OutOfReach(text.to_owned()));
        let foreign = "the response is not one of the service";
        for (status, body, expected) in [
            (200, r#"{"a":1}"#, Ok(serde_json::json!({ "a": 1 }))),
            (400, r#"{"__type":"x#ParameterNotFound"}"#, refused("without a reason (ParameterNotFound)")),
            (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#, refused("no (AccessDeniedException)")),
            (403, r#"{"__type":"X","message":"not you"}"#, refused("not you (X)")),
            (400, r#"{"__type":"ThrottlingException","message":"s3cret"}"#, away("HTTP 400: ThrottlingException")),
            (500, r#"{"__type":"InternalServerError"}"#, away("HTTP 500: InternalServerError")),
            (200, "<h1>s3cret</h1>", away(&format!("HTTP 200: {foreign}"))),
            (403, "<h1>s3cret</h1>", away(&format!("HTTP 403: {foreign}"))),
            (301, "", away(&format!("HTTP 301: {foreign}"))),
        ] {
            assert_eq!(judge(status, body.as_bytes()), expected, "{status} {body}");
        }
    }
}
