//! The name that a client gives to a batch, so that sending it again is harmless.

/// 1–64 visible ASCII characters, compared byte by byte.
/// The header: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is no key. For the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Idempotency-Key must be 1 to {} visible ASCII characters without spaces, like a UUID",
    IdempotencyKey::MAX_LENGTH
)]
pub struct NotAKey;

impl IdempotencyKey {
    /// The longest key; `batch_key` is a `VARBINARY(64)`.
    pub const MAX_LENGTH: usize = 64;

    /// Accepts what the type says.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let is_key = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(NotAKey) }
    }

    /// The key as the client sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_64_visible_characters_are_a_key() {
        for text in ["a", "~", "!", "01890a5d-ac96-774b-bcce-b302099a8057", "\"quoted\"", &"k".repeat(64)] {
            assert_eq!(IdempotencyKey::parse(text).map(|key| key.0).as_deref(), Ok(text));
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", " ", "a b", " a", "a\t", "a\n", "a\u{7f}", "clé", "😀", &"k".repeat(65)] {
            assert_eq!(IdempotencyKey::parse(text), Err(NotAKey), "{text:?}");
        }
    }
}
