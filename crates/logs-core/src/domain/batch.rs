//! The records that a device sends in one request.

use crate::{DeviceId, Field, Fingerprint, IdempotencyKey, NewLog, RecordError, RecordErrorCode};

/// The maximum number of records in a batch.
pub const MAX_RECORDS: usize = 1000;

/// The valid and the rejected records of one request. At least one is valid.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    logs: Vec<NewLog>,
    rejected: usize,
    errors: Vec<RecordError>,
}

impl Batch {
    /// Sorts records into valid and rejected ones.
    ///
    /// # Errors
    /// All errors of all records, if none is valid.
    pub(crate) fn new(
        records: impl IntoIterator<Item = Result<NewLog, Vec<RecordError>>>,
    ) -> Result<Self, Vec<RecordError>> {
        let mut batch = Self { logs: Vec::new(), rejected: 0, errors: Vec::new() };
        for record in records {
            match record {
                Ok(log) => batch.logs.push(log),
                Err(errors) => {
                    batch.rejected += 1;
                    batch.errors.extend(errors);
                }
            }
        }
        if batch.logs.is_empty() { Err(batch.errors) } else { Ok(batch) }
    }

    /// The batch without the records of devices that have to wait: these become rejected, `throttled`. `seconds` tells how
    /// long a device has to wait. `None` if no record is left.
    pub fn throttle(&self, seconds: impl Fn(&DeviceId) -> Option<u64>) -> Option<Self> {
        let mut wrong = self.errors.iter().map(|error| error.index).collect::<Vec<_>>();
        wrong.dedup();
        let places = (0..self.logs.len() + self.rejected).filter(|index| wrong.binary_search(index).is_err());
        let mut rest = Self { logs: Vec::new(), rejected: self.rejected, errors: self.errors.clone() };
        for (index, log) in places.zip(&self.logs) {
            match seconds(log.device_id()) {
                None => rest.logs.push(log.clone()),
                Some(seconds) => {
                    rest.rejected += 1;
                    rest.errors.push(RecordError {
                        index,
                        field: Some(Field::DeviceId),
                        code: RecordErrorCode::Throttled,
                        message: format!("this device sends too much; send this record again in {seconds} s"),
                    });
                }
            }
        }
        rest.errors.sort_by_key(|error| error.index);
        (!rest.logs.is_empty()).then_some(rest)
    }

    /// The valid records, in the order in which they were sent.
    pub fn logs(&self) -> &[NewLog] {
        &self.logs
    }

    /// The number of rejected records.
    pub fn rejected(&self) -> usize {
        self.rejected
    }

    /// The number of records that are rejected only because their device has to wait.
    pub fn throttled(&self) -> usize {
        self.errors.iter().filter(|error| error.code == RecordErrorCode::Throttled).count()
    }

    /// All errors of the rejected records, in order. A record may have several.
    pub fn errors(&self) -> &[RecordError] {
        &self.errors
    }
}

/// A batch under an idempotency key, about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewBatch<'a> {
    pub(crate) key: &'a IdempotencyKey,
    /// Distinguishes this batch from another one under the same key.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) logs: &'a [NewLog],
    /// Unix seconds.
    pub(crate) received_at: i64,
}

impl<'a> NewBatch<'a> {
    /// `received_at` is in Unix seconds.
    pub fn new(key: &'a IdempotencyKey, batch: &'a Batch, received_at: i64) -> Self {
        Self { key, fingerprint: Fingerprint::of(batch), logs: &batch.logs, received_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled(body: &str, devices: &[&str]) -> Option<Batch> {
        let batch = Batch::parse(body.as_bytes()).unwrap();
        batch.throttle(|device| devices.contains(&device.as_str()).then_some(7))
    }

    #[test]
    fn the_records_of_a_device_that_has_to_wait_are_rejected_each_under_its_own_index() {
        let record = |device: &str| format!(r#"{{"deviceID":"{device}","err":1,"timestamp":2}}"#);
        let [mad, good] = [record("mad"), record("good")];
        let body = format!(r#"[7,{mad},{{"err":1}},{good},{mad}]"#);
        let batch = throttled(&body, &["mad", "away"]).unwrap();
        let found: Vec<_> = batch.errors().iter().map(|error| (error.index, error.code.name())).collect();
        let expected = [(0, "not_an_object"), (1, "throttled"), (2, "missing"), (2, "missing"), (4, "throttled")];
        assert_eq!(found, expected);
        assert_eq!(batch.errors()[1].message, "this device sends too much; send this record again in 7 s");
        assert_eq!((batch.logs().len(), batch.rejected()), (1, 4));
        assert_eq!(batch.logs()[0].device_id().as_str(), "good");
        assert_eq!(throttled(&body, &["mad", "good"]), None);
        assert_eq!(throttled(&body, &[]), Some(Batch::parse(body.as_bytes()).unwrap()));
    }
}
