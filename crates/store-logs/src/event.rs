//! The parts of an SQS event that store-logs reads, and its response. Format:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use serde::{Deserialize, Serialize};

/// An event: up to 10,000 messages. Each body is parsed separately, so that a bad one does not affect the others.
#[derive(Debug, Deserialize)]
pub struct QueueEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// Identifies the message in the response.
    pub message_id: String,
    /// The body, as post-log sent it.
    pub body: String,
}

/// The response: which messages Lambda must return to the queue. It deletes all others.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed messages, in any order.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A failed message.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The id of the message.
    pub item_identifier: String,
}
