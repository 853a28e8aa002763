//! NDJSON: one record per line. A device can append to such a file while it is offline, and send the whole file later.

use serde_json::value::RawValue;

use super::record::parse_record;
use crate::{NewLog, RecordError, RecordErrorCode};

/// Whether a body that is not JSON as a whole is NDJSON: its first line is a JSON object by itself.
pub(super) fn is_ndjson(body: &[u8]) -> bool {
    let first = lines(body).next().and_then(json);
    first.is_some_and(|value| value.get().starts_with('{'))
}

/// The lines that are not empty, without their line breaks (`\n` or `\r\n`).
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// Reads one line. A torn line is one rejected record, even if it ends in the middle of a character.
pub(super) fn parse_line(index: usize, line: &[u8]) -> Result<NewLog, Vec<RecordError>> {
    match json(line) {
        Some(value) => parse_record(index, value),
        None => Err(vec![RecordError {
            index,
            field: None,
            code: RecordErrorCode::NotJson,
            message: "the line is not JSON; was it cut off?".to_owned(),
        }]),
    }
}

fn json(line: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(line).ok()
}
