//! Error messages with hints for firmware authors: near field names, wrong units, unsigned codes.

use serde_json::value::RawValue;

use super::number::Number;
use crate::{ErrorCode, Field, RecordErrorCode, Timestamp};

/// Other names that firmware uses for a field, in lower case and without punctuation.
const NEAR_NAMES: [(Field, &[&str]); 3] = [
    (Field::DeviceId, &["deviceid", "device", "deviceidentifier", "devid", "id"]),
    (Field::Err, &["err", "error", "errorcode", "errcode", "errno", "code"]),
    (Field::Timestamp, &["timestamp", "ts", "time", "unixtime", "epoch", "date"]),
];

/// The maximum length of a near name: the message repeats it.
const MAX_NEAR_NAME: usize = 24;

/// The field that an unknown name probably means: `device_id`, `deviceId` and `DEVICE-ID` mean `deviceID`.
pub(super) fn field_meant_by(name: &str) -> Option<Field> {
    if name.len() > MAX_NEAR_NAME {
        return None;
    }
    let is = |near: &str| {
        let letters = name.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ' | b'.'));
        letters.map(|byte| byte.to_ascii_lowercase()).eq(near.bytes())
    };
    NEAR_NAMES.into_iter().find(|(_, names)| names.iter().any(|near| is(near))).map(|(field, _)| field)
}

/// The message for a missing field. `near` is an unknown name that probably means it.
pub(super) fn missing(field: Field, near: Option<&str>) -> String {
    let (name, rule) = (field.name(), field.rule());
    match near {
        Some(near) => format!("{name} is missing; rename {near} to {name}: {rule}"),
        None => format!("{name} is missing; {rule}"),
    }
}

/// The message for a wrong value. Repeats what was sent only if it is a number.
pub(super) fn wrong_value(field: Field, code: RecordErrorCode, value: &RawValue) -> String {
    let rule = field.rule();
    let number = Number::parse(value.get());
    let integer = number.and_then(|number| number.integer);
    match (field, code) {
        (Field::Timestamp, RecordErrorCode::OutOfRange) => integer
            .and_then(wrong_unit)
            .map_or(rule, |hint| format!("timestamp must be Unix time in seconds, and {hint}")),
        (Field::Err, RecordErrorCode::OutOfRange) => {
            integer.and_then(unsigned).map_or_else(|| rule.clone(), |hint| format!("{rule}; {hint}"))
        }
        (Field::DeviceId, RecordErrorCode::NotAString) if number.is_some() => format!("{rule}, in quotes"),
        (Field::Err | Field::Timestamp, RecordErrorCode::NotAnInteger | RecordErrorCode::NotANumber)
            if is_number_in_quotes(value) =>
        {
            format!("{rule}, without quotes")
        }
        _ => rule,
    }
}

/// The hint for a timestamp in milliseconds, microseconds or nanoseconds.
fn wrong_unit(number: i64) -> Option<String> {
    let units = [("milliseconds", 1_000), ("microseconds", 1_000_000), ("nanoseconds", 1_000_000_000)];
    let (unit, factor) = units.into_iter().find(|(_, factor)| (0..=Timestamp::MAX).contains(&(number / factor)))?;
    (number > Timestamp::MAX).then(|| format!("{number} looks like {unit}: divide it by {factor}"))
}

/// The hint for an error code that firmware stores as an unsigned number, such as the HRESULT 0x80070005.
fn unsigned(number: i64) -> Option<String> {
    let unsigned = u32::try_from(number).ok()?;
    let signed = ErrorCode::parse(unsigned.cast_signed().into()).ok()?.get();
    Some(format!("{number} is an unsigned 32-bit number: send {signed}"))
}

fn is_number_in_quotes(value: &RawValue) -> bool {
    let inner = value.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::trim);
    inner.is_some_and(|text| serde_json::from_str::<&RawValue>(text).is_ok() && Number::parse(text).is_some())
}
