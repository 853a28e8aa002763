//! Gathers messages into events.

use std::collections::HashSet;

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::queue::{Message, Queue};

/// Lambda's limit for the event of an invocation: 6 MB.
const MAX_EVENT_BYTES: usize = 6 << 20;

const HEAD: &str = r#"{"Records":["#;
const TAIL: &str = "]}";

/// A received message, as JSON for the function.
pub(super) struct Record {
    pub(super) id: String,
    pub(super) handle: String,
    json: String,
}

impl Record {
    /// Format: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>. Without message attributes: no client here sends
    /// any.
    pub(super) fn new(message: Message, queue: &Queue) -> Self {
        let attributes = message.attributes.unwrap_or_default();
        let attributes = attributes.iter().map(|(name, value)| (name.as_str().to_owned(), Value::from(value.as_str())));
        let id = message.message_id.unwrap_or_default();
        let handle = message.receipt_handle.unwrap_or_default();
        let json = json!({
            "messageId": id,
            "receiptHandle": handle,
            "body": message.body.unwrap_or_default(),
            "attributes": attributes.collect::<serde_json::Map<_, _>>(),
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body.unwrap_or_default(),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn(),
            "awsRegion": queue.region(),
        });
        Self { id, handle, json: json.to_string() }
    }
}

/// Messages that were received but not yet sent to the function.
#[derive(Default)]
pub(super) struct Gathered {
    records: Vec<Record>,
    /// Size of the JSON, with a comma per message.
    bytes: usize,
}

impl Gathered {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn add(&mut self, record: Record) {
        self.bytes += record.json.len() + 1;
        self.records.push(record);
    }

    /// How many more messages fit, by number and by the average size so far. At 0, the batch is complete.
    pub(super) fn room(&self, batch_size: usize) -> usize {
        let by_number = batch_size.saturating_sub(self.records.len());
        match self.bytes / self.records.len().max(1) {
            0 => by_number,
            average => by_number.min((MAX_EVENT_BYTES.saturating_sub(self.bytes)) / average),
        }
    }

    /// Takes the next batch: as many as fit into an event, oldest first. The rest stays for the following batch.
    pub(super) fn take_batch(&mut self, batch_size: usize) -> Vec<Record> {
        let mut bytes = HEAD.len() + TAIL.len();
        let fitting = self.records.iter().take(batch_size).take_while(|record| {
            bytes += record.json.len() + 1;
            bytes <= MAX_EVENT_BYTES
        });
        let count = fitting.count().max(1).min(self.records.len());
        let rest = self.records.split_off(count);
        self.bytes = rest.iter().map(|record| record.json.len() + 1).sum();
        std::mem::replace(&mut self.records, rest)
    }

    pub(super) fn into_handles(self) -> Vec<String> {
        self.records.into_iter().map(|record| record.handle).collect()
    }
}

pub(super) fn event(batch: &[Record]) -> Bytes {
    let records: Vec<&str> = batch.iter().map(|record| record.json.as_str()).collect();
    format!("{HEAD}{}{TAIL}", records.join(",")).into()
}

pub(super) fn ids(batch: &[Record]) -> HashSet<&str> {
    batch.iter().map(|record| record.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(sizes: &[usize]) -> Gathered {
        let mut gathered = Gathered::default();
        for (index, size) in sizes.iter().enumerate() {
            gathered.add(Record { id: index.to_string(), handle: String::new(), json: "x".repeat(*size) });
        }
        gathered
    }

    #[test]
    fn a_batch_ends_at_its_size_or_at_six_megabytes_and_the_rest_comes_next() {
        let mut few = gathered(&[5, 5, 5]);
        assert_eq!([few.take_batch(2).len(), few.take_batch(2).len(), few.take_batch(2).len()], [2, 1, 0]);

        let mut large = gathered(&[1 << 20; 10]);
        let batches: Vec<_> = std::iter::from_fn(|| Some(large.take_batch(10_000)).filter(|b| !b.is_empty())).collect();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
        assert!(batches.iter().all(|batch| event(batch).len() <= MAX_EVENT_BYTES));
        assert_eq!(large.bytes, 0);
    }

    #[test]
    fn a_batch_is_limited_by_number_and_by_size() {
        assert_eq!(gathered(&[]).room(10), 10);
        assert_eq!(gathered(&[100; 4]).room(10), 6);
        assert_eq!(gathered(&[1 << 20; 4]).room(10_000), 1);
        assert_eq!(gathered(&[1 << 20; 7]).room(10_000), 0);
    }
}
