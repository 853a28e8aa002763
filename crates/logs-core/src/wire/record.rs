//! Parses one record of a body into a [`NewLog`], or into the [`RecordError`]s that say what is wrong with it.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::hints;
use super::number::Number;
use crate::{DeviceId, ErrorCode, Field, NewLog, RecordError, RecordErrorCode, Timestamp};

/// A JSON object of the body, its values still raw: a record, or the envelope around a batch. Unknown fields are left out.
/// If a name occurs twice, the last value counts, as in most JSON parsers.
#[derive(Default)]
pub(super) struct RawObject<'a> {
    device_id: Option<&'a RawValue>,
    err: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    /// The first unknown name for each field that probably means it.
    near: Vec<(Field, &'a RawValue)>,
    /// All values of `payload`. Two of them are two batches, and neither must get lost.
    pub(super) payloads: Vec<&'a RawValue>,
}

/// Reads one element of a batch: a valid log, or everything that is wrong with it.
pub(super) fn parse_record(index: usize, json: &RawValue) -> Result<NewLog, Vec<RecordError>> {
    match serde_json::from_str::<RawObject<'_>>(json.get()) {
        Ok(record) => record.validate(index),
        Err(_) => Err(vec![RecordError {
            index,
            field: None,
            code: RecordErrorCode::NotAnObject,
            message: "a record must be an object with deviceID, err and timestamp".to_owned(),
        }]),
    }
}

impl<'a> RawObject<'a> {
    /// Whether at least one of a record's fields is there.
    pub(super) fn is_record(&self) -> bool {
        self.device_id.is_some() || self.err.is_some() || self.timestamp.is_some()
    }

    /// Whether a field is there under a wrong name.
    pub(super) fn is_nearly_a_record(&self) -> bool {
        !self.near.is_empty()
    }

    fn note_near(&mut self, field: Field, name: &'a RawValue) {
        if self.near.iter().all(|(noted, _)| *noted != field) {
            self.near.push((field, name));
        }
    }

    /// Whether all of a record's fields are there.
    pub(super) fn is_complete(&self) -> bool {
        self.device_id.is_some() && self.err.is_some() && self.timestamp.is_some()
    }

    /// A valid log, or everything that is wrong, in the order of the fields.
    pub(super) fn validate(&self, index: usize) -> Result<NewLog, Vec<RecordError>> {
        let device_id = required(self.device_id).and_then(string).and_then(DeviceId::parse);
        let error_code = required(self.err).and_then(integer).and_then(ErrorCode::parse);
        let timestamp = required(self.timestamp).and_then(seconds).and_then(Timestamp::parse);
        match (device_id, error_code, timestamp) {
            (Ok(device_id), Ok(error_code), Ok(timestamp)) => Ok(NewLog::new(device_id, error_code, timestamp)),
            (device_id, error_code, timestamp) => Err([
                device_id.err().map(|code| self.error(index, Field::DeviceId, code, self.device_id)),
                error_code.err().map(|code| self.error(index, Field::Err, code, self.err)),
                timestamp.err().map(|code| self.error(index, Field::Timestamp, code, self.timestamp)),
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }

    fn near_name(&self, field: Field) -> Option<String> {
        let (_, name) = self.near.iter().find(|(meant, _)| *meant == field)?;
        string(name).ok()
    }

    fn error(&self, index: usize, field: Field, code: RecordErrorCode, value: Option<&RawValue>) -> RecordError {
        let message = match value {
            Some(value) => hints::wrong_value(field, code, value),
            None => hints::missing(field, self.near_name(field).as_deref()),
        };
        RecordError { index, field: Some(field), code, message }
    }
}

fn required(value: Option<&RawValue>) -> Result<&RawValue, RecordErrorCode> {
    value.ok_or(RecordErrorCode::Missing)
}

/// The text of a JSON string; `None` also for half of a surrogate pair, which is not Unicode.
fn string(value: &RawValue) -> Result<String, RecordErrorCode> {
    serde_json::from_str(value.get()).map_err(|_| RecordErrorCode::NotAString)
}

/// A number whose value is an integer, in any notation.
fn integer(value: &RawValue) -> Result<i64, RecordErrorCode> {
    match Number::parse(value.get()) {
        Some(number) if !number.has_fraction => number.integer.ok_or(RecordErrorCode::OutOfRange),
        _ => Err(RecordErrorCode::NotAnInteger),
    }
}

/// A number that is not negative, without the fraction of a second.
fn seconds(value: &RawValue) -> Result<i64, RecordErrorCode> {
    let number = Number::parse(value.get()).ok_or(RecordErrorCode::NotANumber)?;
    number.integer.filter(|_| !number.is_negative).ok_or(RecordErrorCode::OutOfRange)
}

enum Name {
    Field(Field),
    Near(Field),
    Payload,
    Unknown,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a field name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(match Field::named(name) {
                    Some(field) => Name::Field(field),
                    None if name == "payload" => Name::Payload,
                    None => hints::field_meant_by(name).map_or(Name::Unknown, Name::Near),
                })
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = RawObject<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = RawObject::default();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let value: &RawValue = map.next_value()?;
                    // A name with half of a surrogate pair is valid JSON but not Unicode. It is an unknown name.
                    match serde_json::from_str(name.get()).unwrap_or(Name::Unknown) {
                        Name::Field(Field::DeviceId) => object.device_id = Some(value),
                        Name::Field(Field::Err) => object.err = Some(value),
                        Name::Field(Field::Timestamp) => object.timestamp = Some(value),
                        Name::Near(field) => object.note_near(field, name),
                        Name::Payload => object.payloads.push(value),
                        Name::Unknown => {}
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests;
