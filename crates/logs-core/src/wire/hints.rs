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
    match (field, code) {
        (Field::Err | Field::Timestamp, RecordErrorCode::OutOfRange) => out_of_range(field, Number::parse(value.get())),
        (Field::DeviceId, RecordErrorCode::NotAString) if Number::parse(value.get()).is_some() => {
            format!("{rule}, in quotes")
        }
        (Field::Err | Field::Timestamp, RecordErrorCode::NotAnInteger | RecordErrorCode::NotANumber) => {
            // Without quotes it may be out of range as well; one message is enough to mend both.
            number_in_quotes(value)
                .map_or(rule, |number| format!("{}, without quotes", out_of_range(field, Some(number))))
        }
        _ => rule,
    }
}

/// The rule, and what a number that breaks it looks like.
fn out_of_range(field: Field, number: Option<Number>) -> String {
    let rule = field.rule();
    let integer = number.and_then(|number| number.integer);
    match field {
        Field::Timestamp => integer
            .and_then(wrong_unit)
            .map_or(rule, |hint| format!("timestamp must be Unix time in seconds, and {hint}")),
        _ => integer.and_then(unsigned).map_or_else(|| rule.clone(), |hint| format!("{rule}; {hint}")),
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
    let unsigned = u32::try_from(number).ok().filter(|unsigned| i32::try_from(*unsigned).is_err())?;
    let signed = ErrorCode::parse(unsigned.cast_signed().into()).ok()?.get();
    Some(format!("{number} is an unsigned 32-bit number: send {signed}"))
}

fn number_in_quotes(value: &RawValue) -> Option<Number> {
    let inner = value.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::trim)?;
    serde_json::from_str::<&RawValue>(inner).ok().and_then(|number| Number::parse(number.get()))
}
