//! Logs as the bytes of one attribute: columns of differences, then deflate where that is shorter.
//!
//! Byte 0 is the form: 1 plain, 2 deflated. Then, each number a varint (`packing/varint.rs`) and each column as long as the
//! list:
//!
//! 1. the number of logs, and whether they are an excerpt of a batch that is stored whole elsewhere;
//! 2. the different device ids, sorted: how many, then for each the bytes shared with the one before, the length of the
//!    rest, the rest; and a column of places in that list;
//! 3. columns of error codes, of timestamps, of `received_at` and of ids: each the difference from the one before.
//!
//! A thousand codes of as many devices come to 7.6 kB, so a batch costs few write units (docs/decisions/0076).

mod varint;

use std::collections::BTreeSet;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use self::varint::{Reader, Writer};

const PLAIN: u8 = 1;
const DEFLATED: u8 = 2;

/// zlib's default. Level 9 saves nothing more (docs/decisions/0076).
const LEVEL: u8 = 6;

/// No item of ours unpacks to more: 1,000 logs are at most 1 MiB, and messages are packed 400 kB at a time.
const MAX_UNPACKED: usize = 4 << 20;

/// A log as it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) id: u64,
    pub(super) device_id: &'a str,
    pub(super) error_code: i32,
    pub(super) timestamp: i64,
    pub(super) received_at: i64,
}

/// What was unpacked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Whether the logs are an excerpt of a batch that is stored whole elsewhere.
    pub(super) is_excerpt: bool,
    pub(super) logs: Vec<crate::Log>,
}

/// The bytes are none that [`pack`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item of the table cannot be read: its logs are packed in a way that this release does not know")]
pub(super) struct Unreadable;

/// Packs logs.
pub(super) fn pack(logs: &[Entry<'_>], is_excerpt: bool) -> Vec<u8> {
    let mut out = Writer::default();
    out.unsigned((logs.len() as u64) << 1 | u64::from(is_excerpt));
    let ids: Vec<&str> = logs.iter().map(|log| log.device_id).collect::<BTreeSet<_>>().into_iter().collect();
    out.unsigned(ids.len() as u64);
    let mut before = "";
    for id in &ids {
        let shared = before.bytes().zip(id.bytes()).take_while(|(one, other)| one == other).count();
        out.unsigned(shared as u64);
        out.text(&id.as_bytes()[shared..]);
        before = id;
    }
    for log in logs {
        out.unsigned(ids.binary_search(&log.device_id).unwrap_or_default() as u64);
    }
    out.column(logs.iter().map(|log| i64::from(log.error_code)));
    out.column(logs.iter().map(|log| log.timestamp));
    out.column(logs.iter().map(|log| log.received_at));
    out.column(logs.iter().map(|log| i64::try_from(log.id).unwrap_or(i64::MAX)));
    let plain = out.bytes();
    let deflated = compress_to_vec(&plain, LEVEL);
    let (form, body) = if deflated.len() < plain.len() { (DEFLATED, deflated) } else { (PLAIN, plain) };
    [&[form], &*body].concat()
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(packed: &[u8]) -> Result<Unpacked, Unreadable> {
    match packed.split_first().ok_or(Unreadable)? {
        (&PLAIN, plain) => read(plain),
        (&DEFLATED, deflated) => read(&decompress_to_vec_with_limit(deflated, MAX_UNPACKED).map_err(|_| Unreadable)?),
        _ => Err(Unreadable),
    }
}

fn read(plain: &[u8]) -> Result<Unpacked, Unreadable> {
    let mut reader = Reader::new(plain);
    let head = reader.unsigned()?;
    let length = reader.length(head >> 1)?;
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..reader.next_length()? {
        let shared = reader.next_length()?;
        let before = ids.last().map_or(&[][..], |id| id.as_bytes()).get(..shared).ok_or(Unreadable)?;
        let bytes = [before, reader.text()?].concat();
        ids.push(String::from_utf8(bytes).map_err(|_| Unreadable)?);
    }
    let devices = (0..length).map(|_| reader.unsigned()).collect::<Result<Vec<_>, _>>()?;
    let mut column = || reader.column(length);
    let (codes, timestamps, received, numbers) = (column()?, column()?, column()?, column()?);
    if !reader.is_at_end() {
        return Err(Unreadable);
    }
    let log = |place: usize| {
        let device = usize::try_from(devices[place]).ok().and_then(|device| ids.get(device)).ok_or(Unreadable)?;
        let code = i32::try_from(codes[place]).map_err(|_| Unreadable)?;
        let id = u64::try_from(numbers[place]).map_err(|_| Unreadable)?;
        Ok(crate::Log::new(id, device.clone(), code, timestamps[place], received[place]))
    };
    Ok(Unpacked { is_excerpt: head & 1 == 1, logs: (0..length).map(log).collect::<Result<_, _>>()? })
}

#[cfg(test)]
mod tests;
