//! SQS queues on this machine, for the event source, `./dev redrive` and the tests.

mod client;
mod redrive;

pub use aws_sdk_sqs::types::Message;
pub use client::{Depth, MAX_PER_CALL, Queue, QueueError};
pub use redrive::redrive;

use crate::moto::{KEY, Moto, REGION};

/// The queue of `./dev up --queued`.
pub const NAME: &str = "error-codes-local";

/// Its dead-letter queue.
pub const DEAD_LETTERS: &str = "error-codes-local-dead-letters";

/// SQS's own limit, since August 2025: a batch of 1000 codes is one message.
const MAX_MESSAGE_BYTES: &str = "1048576";

/// SQS's own limit, 14 days, as in the template.
const KEPT_SECONDS: &str = "1209600";

#[derive(Clone, Copy, Debug)]
pub struct RedrivePolicy {
    /// Seconds for which a received message is hidden.
    pub visibility_timeout: u32,
    /// How many times a message is received before it becomes a dead letter.
    pub max_receive_count: u32,
}

/// A queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct Queues {
    pub queue: Queue,
    pub dead_letters: Queue,
}

impl Queues {
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

    /// The settings of a function that sends to the queue.
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
