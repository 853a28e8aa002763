//! Why a record is rejected.

use serde::{Serialize, Serializer};

use crate::{DeviceId, Timestamp};

/// One error of a record: which record, which field, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordError {
    /// Position in the batch, from 0.
    pub index: usize,
    /// The field at fault; `null` if the record is not an object.
    pub field: Option<Field>,
    /// For programs.
    pub code: RecordErrorCode,
    /// For people. Repeats nothing that the device sent, except numbers.
    pub message: String,
}

/// The fields of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `deviceID`
    DeviceId,
    /// `err`
    Err,
    /// `timestamp`
    Timestamp,
}

impl Field {
    /// The name in JSON, case-sensitive.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeviceId => "deviceID",
            Self::Err => "err",
            Self::Timestamp => "timestamp",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::DeviceId, Self::Err, Self::Timestamp].into_iter().find(|field| field.name() == name)
    }

    /// The sentence that says what the field must be.
    pub(crate) fn rule(self) -> String {
        let name = self.name();
        match self {
            Self::DeviceId => format!("{name} must be a string of 1 to {} characters", DeviceId::MAX_CHARACTERS),
            Self::Err => format!("{name} must be an integer between {} and {}", i32::MIN, i32::MAX),
            Self::Timestamp => {
                format!("{name} must be a number between 0 and {}, Unix time in seconds", Timestamp::MAX)
            }
        }
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why a record is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordErrorCode {
    /// The field is not there.
    Missing,
    /// The field must be a string, and is not.
    NotAString,
    /// The string is empty.
    Empty,
    /// The string has more than 255 characters.
    TooLong,
    /// The field must be a number whose value is an integer, and is not.
    NotAnInteger,
    /// The field must be a number, and is not.
    NotANumber,
    /// The number is outside the allowed range.
    OutOfRange,
    /// The record is not a JSON object.
    NotAnObject,
    /// The line of NDJSON is not JSON.
    NotJson,
    /// The device sends more than its rate. The record is valid, and the client sends it again later.
    Throttled,
}

impl RecordErrorCode {
    /// The name in JSON. Part of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotAString => "not_a_string",
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::NotAnInteger => "not_an_integer",
            Self::NotANumber => "not_a_number",
            Self::OutOfRange => "out_of_range",
            Self::NotAnObject => "not_an_object",
            Self::NotJson => "not_json",
            Self::Throttled => "throttled",
        }
    }
}

impl Serialize for RecordErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
