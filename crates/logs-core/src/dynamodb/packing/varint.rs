//! Numbers in as few bytes as they need: seven bits a byte, the lowest first (LEB128); signed ones by zigzag.

use super::Unreadable;

/// Writes numbers and texts one after the other.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn unsigned(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    /// Length first.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.unsigned(text.len() as u64);
        self.0.extend_from_slice(text);
    }

    /// Each number as the difference from the one before.
    pub(super) fn column(&mut self, numbers: impl Iterator<Item = i64>) {
        let mut before = 0;
        for number in numbers {
            let difference = number.wrapping_sub(before);
            self.unsigned(((difference << 1) ^ (difference >> 63)).cast_unsigned());
            before = number;
        }
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Writer`] wrote.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Unreadable)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    /// A number that counts something of at least a byte each, so it cannot be larger than what is left.
    pub(super) fn length(&self, number: u64) -> Result<usize, Unreadable> {
        usize::try_from(number).ok().filter(|length| *length <= self.0.len()).ok_or(Unreadable)
    }

    /// Any length. What it is used for fails if it is too large.
    pub(super) fn next_length(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.unsigned()?).map_err(|_| Unreadable)
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = self.next_length()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(text)
    }

    pub(super) fn column(&mut self, length: usize) -> Result<Vec<i64>, Unreadable> {
        let mut before = 0_i64;
        let next = |_| {
            let zigzag = self.unsigned()?;
            before = before.wrapping_add((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            Ok(before)
        };
        (0..length).map(next).collect()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
