//! SQS events as Lambda passes them to store-logs. Each message holds a batch that came without a key.

use local::lambda::Environment;
use logs_core::{Batch, Message, clock};
use serde_json::{Value, json};

use crate::codes::{body, collected};
use crate::error::{LabError, invocation_failed, wrong_answer};
use crate::load::plan::EventSize;

/// As in SQS.
const RECEIPT_HANDLE_LENGTH: usize = 340;

pub(crate) fn event(size: EventSize) -> Result<Vec<u8>, LabError> {
    let body = body(&collected(size.codes, clock::unix_seconds()));
    let batch = Batch::parse(body.as_bytes()).map_err(|_| "a batch cannot be made: it is refused")?;
    let records = (0..size.messages).map(|_| record(&batch)).collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::to_vec(&json!({ "Records": records }))?)
}

/// Has store-logs store an event, all of it. `log` says where its log is.
pub(crate) async fn hand_over(environment: &Environment, event: Vec<u8>, log: &str) -> Result<(), LabError> {
    let answer = environment.invoke(&uuid::Uuid::new_v4().to_string(), event.into()).await;
    let answer = answer.map_err(|error| invocation_failed("store-logs", &error, log))?;
    if *answer == *br#"{"batchItemFailures":[]}"# { Ok(()) } else { Err(wrong_answer("store-logs", &answer)) }
}

fn record(batch: &Batch) -> Result<Value, LabError> {
    let now = clock::since_epoch();
    let body = Message::encode(batch, None, now).ok_or("a batch cannot be made: it is too long")?;
    let milliseconds = now.as_millis().to_string();
    Ok(json!({
        "messageId": uuid::Uuid::new_v4().to_string(),
        "receiptHandle": "A".repeat(RECEIPT_HANDLE_LENGTH),
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": milliseconds,
            "SenderId": "AROA0123456789ABCDEFG:error-codes-prod-post-log",
            "ApproximateFirstReceiveTimestamp": milliseconds,
        },
        "messageAttributes": {},
        "md5OfBody": "0123456789abcdef0123456789abcdef",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:error-codes-prod-batches",
        "awsRegion": "eu-central-1",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_an_event_has_all_codes_and_its_own_key() {
        let event: Value = serde_json::from_slice(&event(EventSize { messages: 3, codes: 7 }).unwrap()).unwrap();
        let bodies = event["Records"].as_array().unwrap().iter().map(|record| record["body"].as_str().unwrap());
        let messages: Vec<_> = bodies.map(|body| Message::decode(String::new(), body).unwrap()).collect();
        assert_eq!(messages.iter().map(|message| message.logs().len()).collect::<Vec<_>>(), [7, 7, 7]);
        assert!(messages[0].key() != messages[1].key() && messages[1].key() != messages[2].key());
    }
}
