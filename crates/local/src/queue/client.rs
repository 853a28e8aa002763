//! A client for SQS on this machine, so without TLS.

use std::error::Error;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_http_client::Builder;
use logs_core::aws;

use crate::moto::KEY;
use crate::state::QueueEndpoint;

/// SQS's limit of messages per call.
pub const MAX_PER_CALL: usize = 10;

#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    region: String,
    url: String,
}

#[derive(Debug, thiserror::Error)]
#[error("SQS request failed: {0}")]
pub struct QueueError(String);

impl QueueError {
    fn of(error: impl Error + 'static) -> Self {
        Self(aws::explain(&error))
    }
}

/// The number of messages in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Can be received now.
    pub visible: usize,
    /// Received, and hidden for their visibility timeout.
    pub in_flight: usize,
}

impl Depth {
    pub fn all(self) -> usize {
        self.visible + self.in_flight
    }
}

impl Queue {
    /// The queue of a running `./dev up --queued`.
    pub fn of_running(endpoint: &QueueEndpoint) -> Self {
        Self::new(&endpoint.endpoint, &endpoint.region, endpoint.url.clone())
    }

    /// The dead-letter queue of a running `./dev up --queued`.
    pub fn dead_letters_of_running(endpoint: &QueueEndpoint) -> Self {
        Self::new(&endpoint.endpoint, &endpoint.region, endpoint.dead_letter_url.clone())
    }

    fn new(endpoint: &str, region: &str, url: String) -> Self {
        Self { client: client(endpoint, region), region: region.to_owned(), url }
    }

    pub(super) async fn create(
        endpoint: &str,
        region: &str,
        name: &str,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, QueueError> {
        let mut queue = Self::new(endpoint, region, String::new());
        let mut request = queue.client.create_queue().queue_name(name);
        for (name, value) in attributes {
            request = request.attributes(name.into(), value);
        }
        queue.url = request.send().await.map_err(QueueError::of)?.queue_url.unwrap_or_default();
        Ok(queue)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// The ARN, from the URL, which ends with account and name.
    pub fn arn(&self) -> String {
        let mut parts = self.url.rsplit('/');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("arn:aws:sqs:{}:{account}:{name}", self.region)
    }

    pub async fn send(&self, body: impl Into<String>) -> Result<(), QueueError> {
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.map_err(QueueError::of)?;
        Ok(())
    }

    /// Sends up to ten messages of at most 1 MiB together. Returns how many failed.
    pub async fn send_all(&self, bodies: &[String]) -> Result<usize, QueueError> {
        let mut request = self.client.send_message_batch().queue_url(&self.url);
        for (index, body) in bodies.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body);
            request = request.entries(entry.build().map_err(QueueError::of)?);
        }
        Ok(request.send().await.map_err(QueueError::of)?.failed.len())
    }

    /// Sends a copy of a message that was received from another queue.
    pub(super) async fn send_again(&self, message: &Message) -> Result<(), QueueError> {
        let send = self.client.send_message().queue_url(&self.url).set_message_body(message.body.clone());
        let send = send.set_message_attributes(message.message_attributes.clone());
        send.send().await.map_err(QueueError::of)?;
        Ok(())
    }

    /// Waits up to `wait_seconds` for the first message.
    pub async fn receive(&self, count: usize, wait_seconds: u8) -> Result<Vec<Message>, QueueError> {
        let count = i32::try_from(count.clamp(1, MAX_PER_CALL)).unwrap_or(1);
        let receive = self.client.receive_message().queue_url(&self.url).max_number_of_messages(count);
        let receive = receive.wait_time_seconds(wait_seconds.into()).message_attribute_names("All");
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        Ok(receive.send().await.map_err(QueueError::of)?.messages.unwrap_or_default())
    }

    /// Deletes up to ten messages by their receipt handles. Returns how many failed.
    pub async fn delete(&self, handles: &[String]) -> Result<usize, QueueError> {
        let mut request = self.client.delete_message_batch().queue_url(&self.url);
        for (index, handle) in handles.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle);
            request = request.entries(entry.build().map_err(QueueError::of)?);
        }
        Ok(request.send().await.map_err(QueueError::of)?.failed.len())
    }

    /// Makes up to ten received messages visible again.
    pub async fn give_back(&self, handles: &[String]) -> Result<(), QueueError> {
        let mut request = self.client.change_message_visibility_batch().queue_url(&self.url);
        for (index, handle) in handles.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            let entry = entry.receipt_handle(handle).visibility_timeout(0);
            request = request.entries(entry.build().map_err(QueueError::of)?);
        }
        request.send().await.map_err(QueueError::of)?;
        Ok(())
    }

    pub async fn depth(&self) -> Result<Depth, QueueError> {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let request = request.attribute_names(ApproximateNumberOfMessages);
        let request = request.attribute_names(ApproximateNumberOfMessagesNotVisible);
        let answer = request.send().await.map_err(QueueError::of)?;
        let count = |name| answer.attributes().and_then(|all| all.get(&name)?.parse().ok()).unwrap_or(0);
        Ok(Depth {
            visible: count(ApproximateNumberOfMessages),
            in_flight: count(ApproximateNumberOfMessagesNotVisible),
        })
    }
}

fn client(endpoint: &str, region: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "local"));
    Client::from_conf(config.build())
}
