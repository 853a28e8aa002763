//! Error codes as devices send them.

use serde::Serialize;
use serde_json::json;

/// `err` of every code that a measurement sends.
const ERROR_CODE: i32 = 107;

/// One error code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Code {
    #[serde(rename = "deviceID")]
    pub(crate) device_id: String,
    pub(crate) err: i32,
    pub(crate) timestamp: i64,
}

/// A code of each of `count` devices, recorded one a second until `newest` (Unix seconds). The devices' names are as long
/// as a UUID, which is what fleets use.
pub(crate) fn collected(count: usize, newest: i64) -> Vec<Code> {
    let code = |(index, timestamp)| Code { device_id: format!("device-{index:029}"), err: ERROR_CODE, timestamp };
    (0..count).zip((i64::MIN..=newest).rev()).map(code).collect()
}

/// The body of a POST.
pub(crate) fn body(codes: &[Code]) -> String {
    json!(codes).to_string()
}

/// The same, a record a line.
pub(crate) fn lines(codes: &[Code]) -> String {
    codes.iter().map(|code| json!(code).to_string() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use logs_core::Batch;

    use super::*;

    #[test]
    fn every_code_of_a_body_is_good() {
        for count in [1, 100, 1000] {
            let codes = collected(count, 1_514_864_773);
            for text in [body(&codes), lines(&codes)] {
                let batch = Batch::parse(text.as_bytes()).unwrap();
                assert_eq!((batch.logs().len(), batch.rejected()), (count, 0));
            }
        }
    }
}
