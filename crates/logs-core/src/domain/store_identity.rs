//! Which store something was copied from.

use std::fmt;

use uuid::Uuid;

/// Names a store for good: it is kept in the store itself, so it does not matter by which address or name it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreIdentity([u8; 16]);

impl StoreIdentity {
    /// For a store that has none yet.
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for StoreIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}
