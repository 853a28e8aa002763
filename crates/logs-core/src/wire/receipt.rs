//! The response to a POST: which records of the batch were accepted.

use serde::Serialize;

use crate::{Batch, RecordError, RecordErrorCode};

/// The maximum number of errors in a response, not counting those of throttled records. Those are all listed: a client
/// must know which records to send again. `rejected` counts all rejected records.
pub const MAX_REPORTED_ERRORS: usize = 100;

/// The response to a POST with at least one accepted record. Rejected records must not be sent again, unless they are
/// throttled.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Receipt<'a> {
    /// The number of records that were accepted.
    pub accepted: usize,
    /// The number of records that were rejected; `errors` says why.
    pub rejected: usize,
    /// Whether an earlier request with the same key stored this batch.
    pub duplicate: bool,
    /// The errors that [`reported_errors`] chooses.
    pub errors: Vec<&'a RecordError>,
    /// Identifies this request in the log.
    pub request_id: &'a str,
}

impl<'a> Receipt<'a> {
    /// The receipt for a batch that is stored: now, or, `duplicate`, by an earlier request.
    pub fn of(batch: &'a Batch, duplicate: bool, request_id: &'a str) -> Self {
        Self {
            accepted: batch.logs().len(),
            rejected: batch.rejected(),
            duplicate,
            errors: reported_errors(batch.errors()),
            request_id,
        }
    }
}

/// The errors that a response lists: the first [`MAX_REPORTED_ERRORS`], and all those of throttled records.
pub fn reported_errors(faults: &[RecordError]) -> Vec<&RecordError> {
    let mut others = 0;
    let is_reported = |fault: &&RecordError| {
        let is_throttled = fault.code == RecordErrorCode::Throttled;
        others += usize::from(!is_throttled);
        is_throttled || others <= MAX_REPORTED_ERRORS
    };
    faults.iter().filter(is_reported).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    const GOOD: &str = r#"{"deviceID":"any_device_token","err":107,"timestamp":1514864773}"#;

    fn batch(elements: &[&str]) -> Batch {
        Batch::parse(format!("[{}]", elements.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn the_receipt_in_json_is_as_in_the_contract() {
        let batch = batch(&[GOOD, r#"{"deviceID":"any_device_token","err":107.5,"timestamp":1514864773}"#, GOOD]);
        let expected = json!({
            "accepted": 2,
            "rejected": 1,
            "duplicate": false,
            "errors": [{
                "index": 1,
                "field": "err",
                "code": "not_an_integer",
                "message": "err must be an integer between -2147483648 and 2147483647",
            }],
            "request_id": "0d2a1bb6",
        });
        assert_eq!(to_value(Receipt::of(&batch, false, "0d2a1bb6")).unwrap(), expected);
    }

    #[test]
    fn without_errors_the_list_is_empty_but_present() {
        let expected = json!({"accepted": 1, "rejected": 0, "duplicate": false, "errors": [], "request_id": "r"});
        assert_eq!(to_value(Receipt::of(&batch(&[GOOD]), false, "r")).unwrap(), expected);
    }

    #[test]
    fn at_most_100_errors_are_listed_and_all_rejected_records_are_counted() {
        for (wrong, reported_errors) in [(99, 99), (100, 100), (101, 100), (999, 100)] {
            let mut elements = vec!["null"; wrong];
            elements.push(GOOD);
            let batch = batch(&elements);
            let receipt = Receipt::of(&batch, false, "r");
            assert_eq!((receipt.accepted, receipt.rejected), (1, wrong));
            let indices: Vec<_> = receipt.errors.iter().map(|error| error.index).collect();
            assert_eq!(indices, (0..reported_errors).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_throttled_record_is_listed_behind_as_many_wrong_ones_as_there_may_be() {
        let mut elements = vec!["null"; 150];
        elements.extend([r#"{"deviceID":"mad","err":1,"timestamp":2}"#; 150]);
        elements.push(GOOD);
        let batch = batch(&elements).throttle(|device| (device.as_str() == "mad").then_some(1)).unwrap();
        let indices: Vec<_> = Receipt::of(&batch, false, "r").errors.iter().map(|fault| fault.index).collect();
        assert_eq!(indices, (0..100).chain(150..300).collect::<Vec<_>>());
    }

    #[test]
    fn each_error_of_a_record_is_listed_by_itself() {
        let mut elements = vec!["{}"; 40];
        elements.push(GOOD);
        let batch = batch(&elements);
        let receipt = Receipt::of(&batch, false, "r");
        assert_eq!((receipt.rejected, receipt.errors.len()), (40, 100));
        assert_eq!(receipt.errors.last().map(|error| error.index), Some(33));
    }
}
