//! The name that a client gives to a batch, so that sending it again is harmless.

use std::time::Duration;

use uuid::Uuid;

/// 1–64 visible ASCII characters, compared byte by byte.
/// The header: <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// 74 random bits, with version and variant of the UUID among them.
pub(crate) type RandomPart = [u8; 10];

/// The text is not a valid key. The message is for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Idempotency-Key must be 1 to {} visible ASCII characters without spaces, like a UUID",
    IdempotencyKey::MAX_LENGTH
)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// The longest key; `batch_key` is a `VARBINARY(64)`.
    pub const MAX_LENGTH: usize = 64;

    /// Accepts 1–64 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let is_key = (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(InvalidIdempotencyKey) }
    }

    /// A unique key for a batch that came without one: a UUID of version 7, so that ledger rows of the same time are next
    /// to each other. `now` is the time since 1970.
    pub fn unique(now: Duration) -> Self {
        let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, now.as_secs(), now.subsec_nanos());
        Self(Uuid::new_v7(timestamp).to_string())
    }

    /// What chance has made of a key that is [`unique`](Self::unique): all but the time. `None` of other keys.
    pub(crate) fn random_part(&self) -> Option<RandomPart> {
        let uuid = Uuid::try_parse(&self.0).ok().filter(|uuid| uuid.get_version_num() == 7)?;
        uuid.as_bytes().last_chunk().copied()
    }

    /// The key as the client sent it.
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
    fn two_unique_keys_of_the_same_moment_differ_and_keys_sort_by_time() {
        let unique = |seconds| IdempotencyKey::unique(Duration::from_secs(seconds));
        assert_ne!(unique(1_764_000_000), unique(1_764_000_000));
        assert!(unique(1_764_000_000).as_str() < unique(1_764_000_001).as_str());
        assert_eq!(IdempotencyKey::parse(unique(7).as_str()).map(|key| key.0.len()), Ok(36));
    }

    #[test]
    fn the_random_part_of_a_unique_key_is_all_but_its_time() {
        let part = |text| IdempotencyKey::parse(text).unwrap().random_part();
        let expected = [0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57];
        assert_eq!(part("01890a5d-ac96-774b-bcce-b302099a8057"), Some(expected));
        let unique = || IdempotencyKey::unique(Duration::from_secs(7)).random_part();
        assert!(unique().is_some() && unique() != unique());
        for of_a_client in ["k", "01890a5d-ac96-474b-bcce-b302099a8057"] {
            assert_eq!(part(of_a_client), None, "{of_a_client}");
        }
    }

    #[test]
    fn any_other_text_is_not_a_key() {
        for text in ["", " ", "a b", " a", "a\t", "a\n", "a\u{7f}", "clé", "😀", &"k".repeat(65)] {
            assert_eq!(IdempotencyKey::parse(text), Err(InvalidIdempotencyKey), "{text:?}");
        }
    }
}
