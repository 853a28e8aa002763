//! AWS as moto plays it: a real HTTP endpoint on this machine, with an account of its own for each test.

use std::process::Stdio;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Where everything is.
pub(crate) const REGION: &str = "eu-central-1";

/// The server is a program in Python; it loads for a second, or several when the machine is busy.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running server. It ends with this value, or with the test's process: it reads an input that only that one holds.
pub(crate) struct Moto {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Moto {
    /// Whoever asks may do everything.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Nobody may read a secret.
    pub(crate) async fn start_denying() -> Self {
        Self::start_with(&["secretsmanager.GetSecretValue"]).await
    }

    async fn start_with(denied: &[&str]) -> Self {
        let python = std::env::var("MOTO_PYTHON").expect("MOTO_PYTHON is not set; run ./dev test");
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/harness/moto_server.py"))
            .args(denied)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("MOTO_PYTHON can be started");
        let mut lines = BufReader::new(process.stdout.take().expect("the output is piped")).lines();
        let line = timeout(START_LIMIT, lines.next_line()).await.expect("moto is up within a minute");
        let port = line.expect("moto's output can be read").expect("moto starts; its own words are above");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        Self { process, url: format!("http://127.0.0.1:{port}"), client }
    }

    /// The endpoint of every service.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a function's environment needs to find it; the key is made up.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.url.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "made-up".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "made-up".to_owned()),
        ]
    }

    /// Its ARN.
    pub(crate) async fn create_secret(&self, name: &str, content: &Value) -> String {
        let request = json!({ "Name": name, "SecretString": content.to_string(), "ClientRequestToken": token() });
        let answer = self.secrets_manager("CreateSecret", &request).await;
        answer["ARN"].as_str().expect("a new secret has an ARN").to_owned()
    }

    /// From now on the secret says something else, as after a rotation.
    pub(crate) async fn put_secret(&self, arn: &str, content: &Value) {
        let request = json!({ "SecretId": arn, "SecretString": content.to_string(), "ClientRequestToken": token() });
        self.secrets_manager("PutSecretValue", &request).await;
    }

    /// How often anybody asked for the content of a secret.
    pub(crate) async fn secret_reads(&self) -> usize {
        let answer = self.client.get(format!("{}/operations", self.url)).send().await.expect("moto answers");
        let operations: Vec<String> = answer.json().await.expect("a list");
        operations.iter().filter(|operation| *operation == "secretsmanager.GetSecretValue").count()
    }

    async fn secrets_manager(&self, operation: &str, request: &Value) -> Value {
        let request = self
            .request("secretsmanager", Method::POST, "/")
            .header("x-amz-target", format!("secretsmanager.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .body(request.to_string());
        answer(request).await
    }

    /// A request to one of AWS's services; see [`answer`].
    pub(crate) fn request(&self, service: &str, method: Method, path: &str) -> RequestBuilder {
        // The credential's scope says which service is meant; nobody looks at the signature.
        let scope = format!("AWS4-HMAC-SHA256 Credential=made-up/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("{scope}, SignedHeaders=host, Signature=none");
        self.client.request(method, format!("{}{path}", self.url)).header("authorization", authorization)
    }

    /// Out of reach: from now on the port refuses.
    pub(crate) async fn stop(&mut self) {
        self.process.kill().await.expect("our own child can be killed");
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

/// What makes a request to Secrets Manager one that can be repeated.
fn token() -> String {
    uuid::Uuid::new_v4().to_string()
}
