//! Calls of CloudWatch, in its JSON protocol.

use logs_core::signed_call::Call;
use serde_json::Value;

use crate::commands::aws::{self, CLOUDWATCH, CallError};

/// Calls an operation until there is no further page. Returns what `list` names in all of them.
pub(super) async fn all(operation: &str, mut body: Value, list: &str) -> Result<Vec<Value>, CallError> {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
    let mut all = Vec::new();
    loop {
        let call = Call { method: "POST", path: "/", headers: &headers, body: &body.to_string() };
        let mut page = aws::call(CLOUDWATCH, call).await?;
        if let Value::Array(found) = page[list].take() {
            all.extend(found);
        }
        match page["NextToken"].take() {
            Value::String(token) => body["NextToken"] = token.into(),
            _ => return Ok(all),
        }
    }
}
