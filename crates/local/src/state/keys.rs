//! API keys and the password of the private server.

use serde::{Deserialize, Serialize};

/// Random secrets, created once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    /// API key of post-log.
    pub post: String,
    /// API key of get-logs.
    pub get: String,
    /// Password of the private database server.
    pub database: String,
}

impl Keys {
    pub(super) fn random() -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Self { post: random(), get: random(), database: random() }
    }

    /// Whether they are valid in a URL, a header and an SQL file, as generated ones are.
    pub(super) fn are_valid(&self) -> bool {
        let is_valid = |key: &String| key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        [&self.post, &self.get, &self.database].into_iter().all(is_valid)
    }
}
