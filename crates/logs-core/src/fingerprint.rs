//! What tells one batch from another.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{Batch, Fault, NewLog};

/// SHA-256 of what a batch says and of what is wrong with it, which is all that the answer depends on. Spaces, the
/// order of fields and fields that nobody reads do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Each part with its length before it, so that no two batches read alike.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        Self::of_parts(&batch.logs, &batch.faults)
    }

    pub(crate) fn of_parts(logs: &[NewLog], faults: &[Fault]) -> Self {
        let mut hash = Sha256::new();
        hash.update(logs.len().to_le_bytes());
        for log in logs {
            hash.update(log.device_id().as_str().len().to_le_bytes());
            hash.update(log.device_id().as_str());
            hash.update(log.error_code().get().to_le_bytes());
            hash.update(log.timestamp().get().to_le_bytes());
        }
        for fault in faults {
            hash.update(fault.index.to_le_bytes());
            hash.update(fault.message.len().to_le_bytes());
            hash.update(&fault.message);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().fold(String::new(), |mut digits, byte| {
            // Writing to a String cannot fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, place) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&digits[place..place + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(body: &str) -> Fingerprint {
        Fingerprint::of(&Batch::parse(body.as_bytes()).unwrap())
    }

    const BODY: &str = r#"[{"deviceID":"a","err":1,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4}]"#;

    #[test]
    fn what_a_batch_says_counts_and_not_how_it_is_written() {
        for same in [
            r#" [ {"timestamp":2, "err":1, "deviceID":"\u0061"}, {"deviceID":"b","err":3,"timestamp":4,"more":[]} ] "#,
            r#"{"payload":[{"deviceID":"a","err":1,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4}]}"#,
        ] {
            assert_eq!(fingerprint(same), fingerprint(BODY), "{same}");
        }
    }

    #[test]
    fn every_part_of_every_record_counts() {
        for other in [
            r#"[{"deviceID":"b","err":3,"timestamp":4},{"deviceID":"a","err":1,"timestamp":2}]"#,
            r#"[{"deviceID":"a","err":1,"timestamp":2}]"#,
            r#"[{"deviceID":"A","err":1,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4}]"#,
            r#"[{"deviceID":"a","err":2,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4}]"#,
            r#"[{"deviceID":"a","err":1,"timestamp":3},{"deviceID":"b","err":3,"timestamp":4}]"#,
            r#"[{"deviceID":"a","err":1,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4},7]"#,
        ] {
            assert_ne!(fingerprint(other), fingerprint(BODY), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_record_counts_as_the_answer_says_it() {
        let with = |wrong: &str| fingerprint(&format!(r#"[{{"deviceID":"a","err":1,"timestamp":2}},{wrong}]"#));
        assert_eq!(with("7"), with("8"));
        assert_ne!(with("7"), with(r#"{"deviceID":"b","err":3}"#));
        assert_ne!(with("7"), with("7,7"));
    }
}
