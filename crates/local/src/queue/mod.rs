//! A queue of SQS, on an endpoint of this machine: what the event source, `./dev redrive` and the tests do with it.

mod client;
mod redrive;

pub use aws_sdk_sqs::types::Message;
pub use client::{Depth, MAX_PER_CALL, Queue, QueueError};
pub use redrive::redrive;

use crate::moto::{KEY, Moto, REGION};

/// The queue's name in `./dev up --queued`.
pub const NAME: &str = "error-codes-local";

/// The name of its dead-letter queue.
pub const DEAD_LETTERS: &str = "error-codes-local-dead-letters";

/// SQS's own limit, since August 2025: a batch of 1000 codes is one message.
const MAX_MESSAGE_BYTES: &str = "1048576";

/// SQS's own limit, 14 days, as in the template.
const KEPT_SECONDS: &str = "1209600";

/// When a message is delivered again, and when it becomes a dead letter.
#[derive(Clone, Copy, Debug)]
pub struct RedrivePolicy {
    /// Seconds that a message is hidden from others after it was received.
    pub visibility_timeout: u32,
    /// How often a message is received before it becomes a dead letter.
    pub max_receive_count: u32,
}

/// A queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct Queues {
    /// What the event source polls.
    pub queue: Queue,
    /// The messages that failed too often.
    pub dead_letters: Queue,
}

impl Queues {
    /// Makes both.
    pub async fn create(endpoint: &str, region: &str, policy: RedrivePolicy) -> Result<Self, QueueError> {
        let size = ("MaximumMessageSize", MAX_MESSAGE_BYTES.to_owned());
        let retention = ("MessageRetentionPeriod", KEPT_SECONDS.to_owned());
        let dead_letters = Queue::create(endpoint, region, DEAD_LETTERS, [size.clone(), retention.clone()]).await?;
        let redrive = serde_json::json!({
            "deadLetterTargetArn": dead_letters.arn(),
            "maxReceiveCount": policy.max_receive_count,
        });
        let attributes = [
            size,
            retention,
            ("VisibilityTimeout", policy.visibility_timeout.to_string()),
            ("RedrivePolicy", redrive.to_string()),
        ];
        let queue = Queue::create(endpoint, region, NAME, attributes).await?;
        Ok(Self { queue, dead_letters })
    }
    /// Settings of a function that sends to the queue on this server.
    #[must_use]
    pub fn sender_settings(&self, moto: &Moto) -> [(&'static str, String); 5] {
        [
            ("QUEUE_URL", self.queue.url().to_owned()),
            ("AWS_ENDPOINT_URL_SQS", moto.url().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ]
    }
}
