//! New codes to announce. A run claims them first, so that none is announced twice.

use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use crate::mysql::NewCode;

/// A code that is waiting already keeps its first device.
const INSERT: &str = "INSERT IGNORE INTO New_Codes (error_code, device_id, received_at) ";

const CLAIM: &str = "UPDATE New_Codes SET claimed_by = ?, claimed_at = ? WHERE claimed_by IS NULL \
     ORDER BY received_at, error_code LIMIT ?";

const SELECT_CLAIMED: &str = "SELECT New_Codes.error_code, device_id, received_at, logs \
     FROM New_Codes JOIN Codes ON Codes.error_code = New_Codes.error_code \
     WHERE claimed_by = ? ORDER BY received_at, error_code";

const SELECT_LEFT_BEHIND: &str = "SELECT error_code FROM New_Codes WHERE claimed_at < ? ORDER BY error_code LIMIT 100";
const DELETE_LEFT_BEHIND: &str = "DELETE FROM New_Codes WHERE claimed_at < ? ORDER BY error_code LIMIT 100";

const RELEASE: &str = "UPDATE New_Codes SET claimed_by = NULL, claimed_at = NULL WHERE claimed_by = ?";
const DELETE_CLAIMED: &str = "DELETE FROM New_Codes WHERE claimed_by = ?";

impl FromRow<'_, MySqlRow> for NewCode {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self {
            error_code: row.try_get("error_code")?,
            device_id: row.try_get("device_id")?,
            received_at: row.try_get("received_at")?,
            logs: row.try_get("logs")?,
        })
    }
}

/// Codes, each with its first device and when its log was received.
pub(in crate::mysql) async fn insert(
    connection: &mut MySqlConnection,
    codes: &[(i32, i64, &str)],
) -> Result<(), sqlx::Error> {
    for codes in codes.chunks(super::ROWS_PER_STATEMENT) {
        let mut statement = QueryBuilder::<MySql>::new(INSERT);
        statement.push_values(codes, |mut row, (error_code, received_at, device_id)| {
            row.push_bind(*error_code).push_bind(*device_id).push_bind(*received_at);
        });
        statement.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Claims up to `limit` codes; returns all that this claimant has. `claimant` is a random number.
pub(in crate::mysql) async fn claim(
    connection: &mut MySqlConnection,
    claimant: &[u8],
    now: i64,
    limit: u32,
) -> Result<Vec<NewCode>, sqlx::Error> {
    sqlx::query(CLAIM).bind(claimant).bind(now).bind(limit).execute(&mut *connection).await?;
    sqlx::query_as(SELECT_CLAIMED).bind(claimant).fetch_all(connection).await
}

/// Deletes codes that were claimed before this time and are still there; returns up to 100 of them.
pub(in crate::mysql) async fn take_left_behind(
    connection: &mut MySqlConnection,
    before: i64,
) -> Result<Vec<i32>, sqlx::Error> {
    let codes = sqlx::query_scalar(SELECT_LEFT_BEHIND).bind(before).fetch_all(&mut *connection).await?;
    if !codes.is_empty() {
        sqlx::query(DELETE_LEFT_BEHIND).bind(before).execute(connection).await?;
    }
    Ok(codes)
}

/// Removes a claim's codes: they are announced.
pub(in crate::mysql) async fn delete_claimed(
    connection: &mut MySqlConnection,
    claimant: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query(DELETE_CLAIMED).bind(claimant).execute(connection).await.map(drop)
}

/// Releases a claim, so that another run may announce its codes.
pub(in crate::mysql) async fn release(connection: &mut MySqlConnection, claimant: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query(RELEASE).bind(claimant).execute(connection).await.map(drop)
}
