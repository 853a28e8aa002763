//! The two indexes behind `device_id` and `error_code` of GET /logs. They make each INSERT slower
//! (docs/decisions/0081), so an operator may leave them out.

use sqlx::{Executor, MySqlConnection};

use crate::settings::{Env, SettingError};

/// Name and columns, as in `migrations/0006_device_and_code.sql`.
const OF_DEVICE: (&str, &str) = ("of_device", "(device_id, ranked_at)");
const OF_CODE: (&str, &str) = ("of_code", "(error_number, ranked_at)");

const COUNT_INDEX: &str = "SELECT COUNT(*) FROM information_schema.statistics \
     WHERE table_schema = DATABASE() AND table_name = 'Logs' AND index_name = ?";

/// The parameters of GET /logs that have an index. The response to one without is 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryIndexes {
    /// `device_id` and `error_code`.
    All,
    /// Only `error_code`, whose index costs less.
    ErrorCode,
    /// Neither.
    None,
}

impl QueryIndexes {
    /// `QUERY_INDEXES`: `all`, `error_code` or `none`. Without it the table keeps the indexes that it has.
    pub fn from_environment(env: Env<'_>) -> Result<Option<Self>, SettingError> {
        let invalid = SettingError::Invalid { variable: "QUERY_INDEXES", expected: "all, error_code or none" };
        env("QUERY_INDEXES")
            .map(|text| match text.as_str() {
                "all" => Ok(Self::All),
                "error_code" => Ok(Self::ErrorCode),
                "none" => Ok(Self::None),
                _ => Err(invalid),
            })
            .transpose()
    }

    /// Creates the missing indexes and drops the others. Reads and writes continue meanwhile.
    pub(super) async fn apply(self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        let mut changes = Vec::new();
        for ((name, columns), is_wanted) in [(OF_DEVICE, self == Self::All), (OF_CODE, self != Self::None)] {
            let count: i64 = sqlx::query_scalar(COUNT_INDEX).bind(name).fetch_one(&mut *connection).await?;
            match (is_wanted, count > 0) {
                (true, false) => changes.push(format!("ADD INDEX {name} {columns}")),
                (false, true) => changes.push(format!("DROP INDEX {name}")),
                _ => {}
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.join(", ");
        tracing::info!(changes, "changing the indexes of Logs");
        let alter = format!("ALTER TABLE Logs {changes}, ALGORITHM = INPLACE, LOCK = NONE");
        connection.execute(&*alter).await.map(drop)
    }
}
