//! An AWS account, played by moto, in which a stage is there, as far as functions go.

use std::path::Path;
use std::process::Output;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Moto, REGION, answer, binaries};

pub(super) struct Account {
    moto: Moto,
    role: String,
}

impl Account {
    pub(super) async fn open() -> Self {
        let moto = Moto::start().await;
        // With {} for the policy that says who may take the role: moto does not ask.
        let role = "Action=CreateRole&Version=2010-05-08&RoleName=role&AssumeRolePolicyDocument=%7B%7D";
        let request =
            moto.request("iam", Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
        succeed(request.body(role)).await;
        let here = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        succeed(moto.request("s3", Method::PUT, "/artifacts").body(here)).await;
        Self { moto, role: "arn:aws:iam::123456789012:role/role".to_owned() }
    }

    /// Makes a function with this code, in a network, with the settings that the template gives it.
    pub(super) async fn create(&self, name: &str, properties: &Value, code: Vec<u8>) {
        self.upload(name, code).await;
        let function = json!({
            "FunctionName": name,
            "Role": self.role,
            "Code": { "S3Bucket": "artifacts", "S3Key": format!("{name}.zip") },
            "Handler": properties["Handler"],
            "Runtime": properties["Runtime"],
            "Architectures": properties["Architectures"],
            "MemorySize": properties["MemorySize"],
            "Timeout": properties["Timeout"],
            "TracingConfig": properties["TracingConfig"],
            "Description": properties["Description"],
            "Environment": { "Variables": { "DB_HOST": "db.example.com", "RUST_LOG": "info" } },
            "VpcConfig": { "SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"] },
            "Tags": { "service": "error-codes" },
        });
        self.lambda(Method::POST, "", &function).await;
    }

    async fn upload(&self, name: &str, code: Vec<u8>) {
        succeed(self.moto.request("s3", Method::PUT, &format!("/artifacts/{name}.zip")).body(code)).await;
    }

    /// Replaces code and description, as a deployment does.
    pub(super) async fn change(&self, name: &str, code: Vec<u8>, settings: &Value) {
        self.upload(name, code).await;
        let place = json!({ "S3Bucket": "artifacts", "S3Key": format!("{name}.zip") });
        self.lambda(Method::PUT, &format!("/{name}/code"), &place).await;
        self.lambda(Method::PUT, &format!("/{name}/configuration"), settings).await;
    }

    /// Makes a version, and moves the alias to it. Returns its number.
    pub(super) async fn publish(&self, name: &str, description: &str) -> String {
        let version =
            self.lambda(Method::POST, &format!("/{name}/versions"), &json!({ "Description": description })).await;
        let number = version["Version"].as_str().expect("a number").to_owned();
        let alias = json!({ "Name": "live", "FunctionVersion": number });
        if self.live(name).await.is_none() {
            self.lambda(Method::POST, &format!("/{name}/aliases"), &alias).await;
        } else {
            self.move_alias(name, &alias).await;
        }
        number
    }

    pub(super) async fn move_alias(&self, name: &str, alias: &Value) {
        self.lambda(Method::PUT, &format!("/{name}/aliases/live"), alias).await;
    }

    /// The version that callers get, if the function has the alias.
    pub(super) async fn live(&self, name: &str) -> Option<String> {
        let path = format!("/2015-03-31/functions/{name}/aliases/live");
        let answer = self.moto.request("lambda", Method::GET, &path).send().await.expect("moto answers");
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let alias: Value = answer.json().await.expect("moto answers with JSON");
        Some(alias["FunctionVersion"].as_str().expect("a number").to_owned())
    }

    pub(super) async fn get(&self, name: &str) -> Value {
        answer(self.moto.request("lambda", Method::GET, &format!("/2015-03-31/functions/{name}"))).await
    }

    async fn lambda(&self, method: Method, path: &str, body: &Value) -> Value {
        let path = format!("/2015-03-31/functions{path}");
        answer(self.moto.request("lambda", method, &path).body(body.to_string())).await
    }

    /// An operation of CloudWatch.
    pub(super) async fn cloudwatch(&self, operation: &str, body: &Value) {
        let request = self
            .moto
            .request("monitoring", Method::POST, "/")
            .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"))
            .header("content-type", "application/x-amz-json-1.0");
        succeed(request.body(body.to_string())).await;
    }

    /// From now on nobody answers.
    pub(super) async fn close(&mut self) {
        self.moto.stop().await;
    }

    /// Runs a command of `./dev`. Not the script: cargo would build again in the middle of the tests.
    pub(super) async fn dev(&self, arguments: &[&str]) -> Output {
        Command::new(binaries().join("dev"))
            .current_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")))
            .args(arguments)
            .envs([("AWS_ENDPOINT_URL", self.moto.url()), ("AWS_REGION", REGION)])
            .envs([("AWS_ACCESS_KEY_ID", "made-up"), ("AWS_SECRET_ACCESS_KEY", "made-up")])
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .output()
            .await
            .expect("dev can be started")
    }
}

async fn succeed(request: reqwest::RequestBuilder) {
    let answer = request.send().await.expect("moto answers");
    let status = answer.status();
    assert!(status.is_success(), "{status}: {}", answer.text().await.expect("an answer has a body"));
}
