//! Error codes as devices send them.

use crate::baseline::{ERROR_CODE, device_id};
use logs_core::clock;
use serde_json::{Value, json};

/// When the code at this place of a batch was recorded: they were collected, one a second.
pub(crate) fn timestamp(index: usize) -> i64 {
    clock::unix_seconds() - i64::try_from(index).unwrap_or_default()
}

/// The body of a POST of so many codes.
pub(crate) fn body(codes: usize) -> String {
    let record = |index| json!({ "deviceID": device_id(index), "err": ERROR_CODE, "timestamp": timestamp(index) });
    (0..codes).map(record).collect::<Value>().to_string()
}

#[cfg(test)]
mod tests {
    use logs_core::Batch;

    use super::*;

    #[test]
    fn every_code_of_a_batch_is_good() {
        for codes in [1, 100, 1000] {
            let batch = Batch::parse(body(codes).as_bytes()).unwrap();
            assert_eq!((batch.logs().len(), batch.rejected()), (codes, 0));
        }
    }
}
