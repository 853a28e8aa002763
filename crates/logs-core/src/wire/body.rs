//! The body of a POST: four shapes, 1–1000 records, at most 1 MiB. A wrong record never rejects the others; a body
//! without a single valid record is refused as a whole.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ndjson;
use super::record::{RawObject, parse_record};
use crate::{Batch, MAX_RECORDS, NewLog, RecordError};

/// The largest body, after decompression and base64: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Why a body is refused as a whole. The text is for the client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than [`MAX_BODY_BYTES`].
    #[error("the body has more than {MAX_BODY_BYTES} bytes (1 MiB); send smaller batches")]
    TooLarge,
    /// More than [`MAX_RECORDS`]; holds how many there are.
    #[error("the batch has {0} records; send at most {MAX_RECORDS} at a time")]
    TooManyRecords(usize),
    /// The body is empty.
    #[error("the body is empty; send a record or an array of records as JSON")]
    Empty,
    /// Not UTF-8, as JSON must be; holds the position of the first invalid byte.
    #[error("the body is not UTF-8: byte {0} is invalid")]
    NotUtf8(usize),
    /// Not JSON; holds what the parser says, with line and column.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but none of the four shapes.
    #[error("{0}; send a record, an array of records, {{\"payload\":[records]}}, or one record per line (NDJSON)")]
    NotABatch(&'static str),
    /// An array without elements.
    #[error("the batch is empty; send 1 to {MAX_RECORDS} records")]
    NoRecords,
    /// No valid record; holds all errors.
    #[error("no record of the batch is valid")]
    NoValidRecord(Vec<RecordError>),
}

impl Batch {
    /// Reads a body in any of the four shapes:
    ///
    /// ```
    /// use logs_core::Batch;
    ///
    /// let record = r#"{"deviceID":"any_device_token","err":107,"timestamp":1514864773}"#;
    /// let bodies = [
    ///     format!("[{record},{record}]"),
    ///     format!("{{\"payload\":[{record},{record}]}}"),
    ///     format!("{record}\n{record}\n"),
    /// ];
    /// for body in bodies {
    ///     assert_eq!(Batch::parse(body.as_bytes()).map(|batch| batch.logs().len()), Ok(2));
    /// }
    /// assert_eq!(Batch::parse(record.as_bytes()).map(|batch| batch.logs().len()), Ok(1));
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        match Self::from_bytes(body) {
            Err(BodyError::NotJson(_) | BodyError::NotUtf8(_)) if ndjson::is_ndjson(body) => Self::from_lines(body),
            parsed => parsed,
        }
    }

    fn from_bytes(body: &[u8]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(body).map_err(|error| BodyError::NotUtf8(error.valid_up_to()))?;
        // RFC 8259 §8.1 lets a reader skip a byte order mark; editors on some systems write one.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match text.trim_start().chars().next() {
            None => Err(BodyError::Empty),
            Some('[') => Self::from_array(text),
            Some('{') => Self::from_object(text),
            Some(_) => {
                let _: IgnoredAny = from_json(text)?;
                Err(BodyError::NotABatch("the body is neither an object nor an array"))
            }
        }
    }

    fn from_object(text: &str) -> Result<Self, BodyError> {
        let object: RawObject<'_> = from_json(text)?;
        match object.payloads[..] {
            [payload] if payload.get().starts_with('[') && !object.is_complete() => Self::from_array(payload.get()),
            [payload] if payload.get().starts_with('[') => {
                Err(BodyError::NotABatch("the object is a record and has a payload as well"))
            }
            [_, _, ..] => Err(BodyError::NotABatch("the object has more than one payload")),
            [_] if !object.is_record() => Err(BodyError::NotABatch("payload is not an array")),
            _ if object.is_record() || object.is_nearly_a_record() => Self::from_records([object.validate(0)]),
            _ => Err(BodyError::NotABatch("the object has neither the fields of a record nor a payload")),
        }
    }

    fn from_array(text: &str) -> Result<Self, BodyError> {
        let Elements { kept, count } = from_json(text)?;
        match count {
            0 => Err(BodyError::NoRecords),
            1..=MAX_RECORDS => {
                Self::from_records(kept.into_iter().enumerate().map(|(index, json)| parse_record(index, json)))
            }
            _ => Err(BodyError::TooManyRecords(count)),
        }
    }

    fn from_lines(body: &[u8]) -> Result<Self, BodyError> {
        match ndjson::lines(body).count() {
            count if count > MAX_RECORDS => Err(BodyError::TooManyRecords(count)),
            _ => {
                Self::from_records(ndjson::lines(body).enumerate().map(|(index, line)| ndjson::parse_line(index, line)))
            }
        }
    }

    fn from_records(records: impl IntoIterator<Item = Result<NewLog, Vec<RecordError>>>) -> Result<Self, BodyError> {
        Self::new(records).map_err(BodyError::NoValidRecord)
    }
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BodyError> {
    serde_json::from_str(text).map_err(|error| BodyError::NotJson(error.to_string()))
}

/// The elements of an array, still raw; past [`MAX_RECORDS`] they are only counted, so that a body of a
/// million commas costs no memory.
struct Elements<'a> {
    kept: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < MAX_RECORDS {
                    match elements.next_element()? {
                        Some(element) => kept.push(element),
                        None => {
                            return Ok(Elements { count: kept.len(), kept });
                        }
                    }
                }
                let mut count = kept.len();
                while elements.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements { kept, count })
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

#[cfg(test)]
mod tests;
