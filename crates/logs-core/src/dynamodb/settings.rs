//! The table, and how long its items stay: `TABLE_NAME` and the settings that go with it.

use crate::settings::{Env, SettingError, days};

/// The default number of shards: enough for 8,000 POSTs without a key a second.
const SHARDS: u16 = 8;

/// How many days the ledger keeps a key: as long as a message may take through the queue, and back from the dead-letter
/// queue.
const BATCH_DAYS: u16 = 28;

const NAME: &str = "the name of a DynamoDB table: 3 to 255 letters, digits, dots, dashes and underscores";

/// The table, and how long its items stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSettings {
    pub(super) name: String,
    pub(super) shards: u16,
    batch_days: u16,
    log_days: u16,
}

impl TableSettings {
    /// A GET asks every shard, so more would make it slow and dear. `tableShards` of the template ends here, too.
    pub const MAX_SHARDS: u16 = 256;

    /// From `TABLE_NAME`, `TABLE_SHARDS` (8), `BATCH_RETENTION_DAYS` (28) and `LOG_RETENTION_DAYS` (0: for ever). `None`
    /// without `TABLE_NAME`.
    ///
    /// # Errors
    /// A value is invalid, or `DATABASE_URL` or `DB_SECRET_ARN` is set as well.
    pub fn from_environment(env: Env<'_>) -> Result<Option<Self>, SettingError> {
        let Some(name) = env("TABLE_NAME") else { return Ok(None) };
        for other in ["DATABASE_URL", "DB_SECRET_ARN"] {
            if env(other).is_some() {
                return Err(SettingError::Both("TABLE_NAME", other));
            }
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(3..=255).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(SettingError::Invalid { variable: "TABLE_NAME", expected: NAME });
        }
        let invalid = SettingError::Invalid { variable: "TABLE_SHARDS", expected: "a number of shards from 1 to 256" };
        let shards = match env("TABLE_SHARDS").filter(|text| !text.is_empty()) {
            Some(text) => text.parse().ok().filter(|shards| (1..=Self::MAX_SHARDS).contains(shards)).ok_or(invalid)?,
            None => SHARDS,
        };
        let batch_days = days(env, "BATCH_RETENTION_DAYS", 1)?.unwrap_or(BATCH_DAYS);
        let log_days = days(env, "LOG_RETENTION_DAYS", 0)?.unwrap_or(0);
        Ok(Some(Self { name, shards, batch_days, log_days }))
    }

    /// When an item of the ledger goes away, in Unix seconds.
    pub(super) fn ledger_expires_at(&self, received_at: i64) -> i64 {
        received_at + i64::from(self.batch_days) * 86_400
    }

    /// When an item with logs goes away, in Unix seconds; `None`: never.
    pub(super) fn logs_expire_at(&self, received_at: i64) -> Option<i64> {
        (self.log_days > 0).then(|| received_at + i64::from(self.log_days) * 86_400)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(variables: &[(&str, &str)]) -> Result<Option<TableSettings>, SettingError> {
        TableSettings::from_environment(&|name| {
            variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.to_owned())
        })
    }

    #[test]
    fn a_table_alone_is_enough() {
        assert_eq!(parsed(&[("DATABASE_URL", "mysql://a@b/c")]), Ok(None));
        let expected = TableSettings { name: "error-codes".to_owned(), shards: 8, batch_days: 28, log_days: 0 };
        assert_eq!(parsed(&[("TABLE_NAME", "error-codes")]), Ok(Some(expected.clone())));
        assert_eq!((expected.ledger_expires_at(1), expected.logs_expire_at(1)), (28 * 86_400 + 1, None));
        let all = [("TABLE_NAME", "t.1"), ("TABLE_SHARDS", "16"), ("LOG_RETENTION_DAYS", "2")];
        let all = parsed(&all).unwrap().unwrap();
        assert_eq!((all.shards, all.logs_expire_at(1)), (16, Some(172_801)));
    }

    #[test]
    fn a_table_beside_a_database_is_refused_and_both_are_named() {
        for other in ["DATABASE_URL", "DB_SECRET_ARN"] {
            let error = parsed(&[("TABLE_NAME", "error-codes"), (other, "x")]).unwrap_err();
            assert_eq!(error.to_string(), format!("TABLE_NAME and {other} are both set: remove one of them"));
        }
    }

    #[test]
    fn an_invalid_value_is_named() {
        for (variable, value) in [
            ("TABLE_NAME", "ab"),
            ("TABLE_NAME", "a b c"),
            ("TABLE_SHARDS", "0"),
            ("TABLE_SHARDS", "257"),
            ("TABLE_SHARDS", "many"),
            ("BATCH_RETENTION_DAYS", "0"),
            ("LOG_RETENTION_DAYS", "-1"),
        ] {
            let error = parsed(&[(variable, value), ("TABLE_NAME", "error-codes")]).unwrap_err();
            assert!(error.to_string().starts_with(variable), "{error}");
        }
    }
}
