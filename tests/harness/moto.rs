//! AWS, emulated by moto: a real HTTP endpoint on this machine, with a separate account for each test.

pub(crate) use local::moto::REGION;
use local::moto::{KEY, MotoOptions};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A running server, which ends with the test.
pub(crate) struct Moto {
    server: local::moto::Moto,
    url: String,
    client: reqwest::Client,
}

impl Moto {
    /// Without permissions: every call is allowed.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Denies this operation, such as `secretsmanager.GetSecretValue`.
    pub(crate) async fn start_denying(operation: &str) -> Self {
        Self::start_with(&[operation]).await
    }

    async fn start_with(denied: &[&str]) -> Self {
        let options = MotoOptions { denied, ..MotoOptions::default() };
        let server = local::moto::Moto::start(&options).await.expect("moto starts");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        Self { url: server.url().to_owned(), server, client }
    }

    /// The endpoint of every service.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The variables with which a function finds it; the key is made up.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.clone()),
            ("AWS_ENDPOINT_URL_SSM", self.url.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ]
    }

    /// Its ARN.
    pub(crate) async fn create_secret(&self, name: &str, content: &Value) -> String {
        let request = json!({ "Name": name, "SecretString": content.to_string(), "ClientRequestToken": token() });
        let answer = self.secrets_manager("CreateSecret", &request).await;
        answer["ARN"].as_str().expect("a new secret has an ARN").to_owned()
    }

    /// Replaces the secret's value, as a rotation does.
    pub(crate) async fn put_secret(&self, arn: &str, content: &Value) {
        let request = json!({ "SecretId": arn, "SecretString": content.to_string(), "ClientRequestToken": token() });
        self.secrets_manager("PutSecretValue", &request).await;
    }

    /// Gives the parameter of this name this content, as a `SecureString` or another type.
    pub(crate) async fn put_parameter(&self, name: &str, kind: &str, content: &Value) {
        let request = json!({ "Name": name, "Type": kind, "Value": content.to_string(), "Overwrite": true });
        self.call("ssm", "AmazonSSM.PutParameter", &request).await;
    }

    /// How often a secret was read.
    pub(crate) async fn secret_reads(&self) -> usize {
        self.count("secretsmanager.GetSecretValue").await
    }

    /// How often a parameter was read.
    pub(crate) async fn parameter_reads(&self) -> usize {
        self.count("AmazonSSM.GetParameter").await
    }

    async fn count(&self, operation: &str) -> usize {
        let answer = self.client.get(format!("{}/operations", self.url)).send().await.expect("moto answers");
        let operations: Vec<String> = answer.json().await.expect("a list");
        operations.iter().filter(|called| *called == operation).count()
    }

    async fn secrets_manager(&self, operation: &str, request: &Value) -> Value {
        self.call("secretsmanager", &format!("secretsmanager.{operation}"), request).await
    }

    async fn call(&self, service: &str, target: &str, request: &Value) -> Value {
        let request = self
            .request(service, Method::POST, "/")
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1")
            .body(request.to_string());
        answer(request).await
    }

    /// A request to one of AWS's services; see [`answer`].
    pub(crate) fn request(&self, service: &str, method: Method, path: &str) -> RequestBuilder {
        // The credential's scope names the service; moto does not check the signature.
        let scope = format!("AWS4-HMAC-SHA256 Credential=made-up/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{scope}, SignedHeaders=host, Signature=none");
        self.client.request(method, format!("{}{path}", self.url)).header("authorization", authorization)
    }

    /// Stops the server: its port refuses connections.
    pub(crate) async fn stop(&mut self) {
        self.server.kill().await;
    }
}

/// Sends a request that must succeed.
pub(crate) async fn answer(request: RequestBuilder) -> Value {
    let answer = request.send().await.expect("moto answers");
    let status = answer.status();
    let text = answer.text().await.expect("an answer has a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("moto answers with JSON")
}

/// The token that makes a request to Secrets Manager idempotent.
fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}
