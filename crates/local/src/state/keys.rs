//! The API keys, and the password of the private server.

use serde::{Deserialize, Serialize};

/// Random, and created once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    pub post: String,
    pub get: String,
    /// The password of the private database server.
    pub database: String,
}

impl Keys {
    pub(super) fn random() -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Self { post: random(), get: random(), database: random() }
    }

    /// Whether they are safe in a URL, a header and an SQL file. Generated ones are.
    pub(super) fn are_valid(&self) -> bool {
        let is_valid = |key: &String| key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        [&self.post, &self.get, &self.database].into_iter().all(is_valid)
    }
}
