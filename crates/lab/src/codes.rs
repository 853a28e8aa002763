//! Error codes as devices send them.

use serde::Serialize;
use serde_json::json;

/// The `err` of every measured code.
const ERROR_CODE: i32 = 107;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Code {
    #[serde(rename = "deviceID")]
    pub(crate) device_id: String,
    pub(crate) err: i32,
    pub(crate) timestamp: i64,
}

/// One code from each of `count` devices, one per second until `newest` (Unix seconds). The names are as long as UUIDs,
/// which fleets use.
pub(crate) fn collected(count: usize, newest: i64) -> Vec<Code> {
    let code = |(index, timestamp)| Code { device_id: format!("device-{index:029}"), err: ERROR_CODE, timestamp };
    (0..count).zip((i64::MIN..=newest).rev()).map(code).collect()
}

/// The body of a POST, as an array.
pub(crate) fn body(codes: &[Code]) -> String {
    json!(codes).to_string()
}

/// The body of a POST, as NDJSON.
pub(crate) fn lines(codes: &[Code]) -> String {
    codes.iter().map(|code| json!(code).to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use logs_core::Batch;

    use super::*;

    #[test]
    fn every_code_of_a_body_is_valid() {
        for count in [1, 100, 1000] {
            let codes = collected(count, 1_514_864_773);
            for text in [body(&codes), lines(&codes)] {
                let batch = Batch::parse(text.as_bytes()).unwrap();
                assert_eq!((batch.logs().len(), batch.rejected()), (count, 0));
            }
        }
    }
}
