//! A real function binary, driven over the Runtime API without a gateway.

use std::time::Duration;

use local::lambda::{Function, FunctionConfig, InvokeError};
use serde_json::{Value, json};

use super::{TemporaryFolder, binaries, temporary_folder};

/// A function with at most one environment.
pub(crate) struct FunctionRun {
    function: Function,
    folder: TemporaryFolder,
}

/// What a function answered.
#[derive(Debug)]
pub(crate) struct FunctionAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Value,
    pub(crate) body: Value,
}

impl FunctionRun {
    pub(crate) fn new(name: &str, variables: &[(&str, impl AsRef<str>)]) -> Self {
        Self::with_timeout(name, variables, Duration::from_secs(20))
    }

    pub(crate) fn with_timeout(name: &str, variables: &[(&str, impl AsRef<str>)], timeout: Duration) -> Self {
        let folder = temporary_folder();
        let function = Function::new(FunctionConfig {
            name: name.to_owned(),
            program: binaries().join(name),
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), value.as_ref().to_owned())).collect(),
            timeout,
            concurrency: 1,
            log_file: folder.path().join("log"),
        });
        Self { function, folder }
    }

    /// Sends an event. Returns the response, or the message of the function error.
    pub(crate) async fn run(&self, event: &Value) -> Result<Value, String> {
        match self.function.invoke(uuid::Uuid::new_v4().to_string(), event.to_string().into()).await {
            Ok(answer) => Ok(serde_json::from_slice(&answer).expect("a function answers with JSON")),
            Err(InvokeError::Failed(error)) => {
                let error: Value = serde_json::from_str(&error).expect("an error is JSON");
                Err(error["errorMessage"].as_str().expect("an error has a message").to_owned())
            }
            Err(error) => panic!("{error}: {}", self.log()),
        }
    }

    /// Sends a proxy event under a new request id.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<FunctionAnswer, InvokeError> {
        self.invoke_as(&uuid::Uuid::new_v4().to_string(), event).await
    }

    pub(crate) async fn invoke_as(&self, id: &str, event: &Value) -> Result<FunctionAnswer, InvokeError> {
        let answer = self.function.invoke(id.to_owned(), event.to_string().into()).await?;
        let answer: Value = serde_json::from_slice(&answer).expect("a function answers with JSON");
        let body = answer["body"].as_str().expect("an answer has a body");
        Ok(FunctionAnswer {
            status: answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).expect("a status"),
            headers: first_values(&answer["multiValueHeaders"]),
            // 304 has none.
            body: if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("every body is JSON") },
        })
    }

    /// Sends a body as API Gateway would send text.
    pub(crate) async fn send(&self, body: &str) -> FunctionAnswer {
        self.invoke(&body_event(body)).await.expect("the function answers")
    }

    pub(crate) fn process_ids(&self) -> Vec<u32> {
        self.function.idle_process_ids()
    }

    /// What the function wrote to standard output and error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The first value of each header.
fn first_values(headers: &Value) -> Value {
    let headers = headers.as_object().expect("a response has headers");
    headers.iter().map(|(name, values)| (name.clone(), values[0].clone())).collect()
}

/// A proxy event as API Gateway sends it, without a body.
pub(crate) fn event() -> Value {
    json!({
        "resource": "/logs", "path": "/logs", "httpMethod": "POST",
        "headers": { "Content-Type": "application/json", "Host": "example.execute-api.eu-central-1.amazonaws.com" },
        "multiValueHeaders": { "Content-Type": ["application/json"] },
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": null, "stageVariables": null,
        "requestContext": { "resourcePath": "/logs", "httpMethod": "POST", "stage": "dev", "requestId": "gateway" },
        "body": null, "isBase64Encoded": false
    })
}

/// The same with a body of text.
pub(crate) fn body_event(body: &str) -> Value {
    let mut event = event();
    event["body"] = body.into();
    event
}

/// The same with an idempotency key, if there is one.
pub(crate) fn keyed_event<'a>(key: impl Into<Option<&'a str>>, body: &str) -> Value {
    let mut event = body_event(body);
    if let Some(key) = key.into() {
        event["headers"]["Idempotency-Key"] = key.into();
        event["multiValueHeaders"]["Idempotency-Key"] = json!([key]);
    }
    event
}
