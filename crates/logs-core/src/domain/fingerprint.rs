//! Tells a retried batch from another batch under the same key.

use sha2::{Digest, Sha256};

use crate::{Batch, Field, NewLog, RecordError, RecordErrorCode};

/// A SHA-256 of the parsed batch: its logs, and the errors of its rejected records (index, field and code). The receipt
/// depends on nothing else. Whitespace, the order of fields and unknown fields make no difference. Nor does the wording
/// of errors, so a release may improve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Each part is preceded by its length, so that no two batches hash the same bytes.
    pub fn of(batch: &Batch) -> Self {
        Self::of_parts(batch.logs(), batch.errors())
    }

    pub(crate) fn of_parts(logs: &[NewLog], errors: &[RecordError]) -> Self {
        let mut hash = Sha256::new();
        hash.update(logs.len().to_le_bytes());
        for log in logs {
            hash.update(log.device_id().as_str().len().to_le_bytes());
            hash.update(log.device_id().as_str());
            hash.update(log.error_code().get().to_le_bytes());
            hash.update(log.timestamp().get().to_le_bytes());
        }
        for error in errors {
            hash.update(error.index.to_le_bytes());
            for name in [error.field.map_or("", Field::name), name_of(error.code)] {
                hash.update(name.len().to_le_bytes());
                hash.update(name);
            }
        }
        Self(hash.finalize().into())
    }

    /// As the ledger stores it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what the ledger stored.
    #[cfg(feature = "migrate")]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).ok().map(|()| Self(bytes))
    }
}

/// The name of a code as it was when the ledger's oldest rows were written. It never changes.
fn name_of(code: RecordErrorCode) -> &'static str {
    match code {
        // Its name before timestamps could have a fraction.
        RecordErrorCode::NotANumber => RecordErrorCode::NotAnInteger.name(),
        code => code.name(),
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
    fn whitespace_field_order_and_shape_do_not_change_a_fingerprint() {
        for same in [
            r#" [ {"timestamp":2, "err":1, "deviceID":"\u0061"}, {"deviceID":"b","err":3,"timestamp":4,"more":[]} ] "#,
            r#"{"payload":[{"deviceID":"a","err":1,"timestamp":2},{"deviceID":"b","err":3,"timestamp":4}]}"#,
        ] {
            assert_eq!(fingerprint(same), fingerprint(BODY), "{same}");
        }
    }

    #[test]
    fn every_part_of_every_record_changes_the_fingerprint() {
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
    fn the_errors_of_rejected_records_change_the_fingerprint() {
        let with = |wrong: &str| fingerprint(&format!(r#"[{{"deviceID":"a","err":1,"timestamp":2}},{wrong}]"#));
        assert_eq!(with("7"), with("8"));
        assert_ne!(with("7"), with(r#"{"deviceID":"b","err":3}"#));
        assert_ne!(with("7"), with("7,7"));
        assert_ne!(with(r#"{"deviceID":"","err":3,"timestamp":4}"#), with(r#"{"deviceID":7,"err":3,"timestamp":4}"#));
        assert_ne!(with(r#"{"err":3,"timestamp":4}"#), with(r#"{"deviceID":"b","timestamp":4}"#));
    }

    #[test]
    fn the_wording_of_an_error_does_not_change_the_fingerprint() {
        let batch = Batch::parse(br#"[{"deviceID":"a","err":1,"timestamp":2},7]"#).unwrap();
        let of = |error: &RecordError| Fingerprint::of_parts(batch.logs(), std::slice::from_ref(error));
        let mut error = batch.errors()[0].clone();
        error.message = "reworded by a later release".to_owned();
        assert_eq!(of(&error), Fingerprint::of(&batch));
        error.index = 2;
        assert_ne!(of(&error), Fingerprint::of(&batch));
    }

    /// Keys are remembered for weeks, and messages wait in the queue: releases must agree.
    #[test]
    fn every_release_gives_a_batch_the_same_fingerprint() {
        assert_eq!(fingerprint(BODY).to_hex(), "162b4d02c2cae1569e23378d826c61d23d1a57f34ec7d12d5cd9a3b37fa894b1");
        assert_eq!(
            fingerprint(r#"[{"deviceID":"a","err":1,"timestamp":2},7,{"err":"x","deviceID":"b","timestamp":1}]"#)
                .to_hex(),
            "832aa2bab087a67a5a36216ed6c8f049b5acd766ec862271d356dfdc8d2d9462"
        );
    }

    #[test]
    fn hexadecimal_digits_are_read_back_and_nothing_else_is() {
        let digits = fingerprint(BODY).to_hex();
        assert_eq!(Fingerprint::from_hex(&digits), Some(fingerprint(BODY)));
        assert_eq!(fingerprint(BODY).as_bytes()[..4], [0x16, 0x2b, 0x4d, 0x02]);
        assert_eq!(fingerprint(BODY).as_bytes().len(), 32);
        for wrong in
            [&digits[..62], &format!("{digits}00"), &digits.replacen('1', "g", 1), &digits.replacen('1', "+", 1)]
        {
            assert_eq!(Fingerprint::from_hex(wrong), None, "{wrong}");
        }
    }
}
