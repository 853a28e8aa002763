//! Reads the summary of the codes.

use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySqlConnection, Row};

use crate::domain::{CodeHour, Devices};
use crate::{Codes, CodesQuery};

/// One statement, so that all is of one moment. The inner query ranks the codes along the index `counts`; the sketches are
/// read only of those that are listed. There is a row with `as_of` even if nothing is found.
const SELECT_CODES: &str = "SELECT state.as_of, hours.* FROM Summary_State AS state LEFT JOIN ( \
     SELECT Codes.error_code, Codes.first_seen, Codes.last_seen, Code_Hours.hour, Code_Hours.logs, Code_Hours.devices \
     FROM (SELECT error_code, CAST(SUM(logs) AS SIGNED) AS logs FROM Code_Hours FORCE INDEX (counts) WHERE hour >= ? \
     GROUP BY error_code ORDER BY logs DESC, error_code LIMIT ?) AS frequent \
     JOIN Codes ON Codes.error_code = frequent.error_code \
     JOIN Code_Hours ON Code_Hours.error_code = frequent.error_code AND Code_Hours.hour >= ?) AS hours ON TRUE \
     WHERE state.id = 1";

/// A row of the statement.
struct CodeHourRow {
    as_of: Option<i64>,
    hour: Option<CodeHour>,
}

impl FromRow<'_, MySqlRow> for CodeHourRow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let error_code: Option<i32> = row.try_get("error_code")?;
        let hour = error_code.map(|error_code| {
            let devices = Devices::parse(row.try_get("devices")?);
            Ok::<_, sqlx::Error>(CodeHour {
                error_code,
                first_seen: row.try_get("first_seen")?,
                last_seen: row.try_get("last_seen")?,
                hour: row.try_get::<i32, _>("hour")?.into(),
                logs: row.try_get("logs")?,
                devices: devices.map_err(|error| sqlx::Error::Decode(error.into()))?,
            })
        });
        Ok(Self { as_of: row.try_get("as_of")?, hour: hour.transpose()? })
    }
}

/// The codes of the window that ends at `now` (Unix seconds).
pub(in crate::mysql) async fn find_codes(
    connection: &mut MySqlConnection,
    query: CodesQuery,
    now: i64,
) -> Result<Codes, sqlx::Error> {
    let first_hour = query.first_hour(now);
    let select = sqlx::query_as(SELECT_CODES).bind(first_hour).bind(CodesQuery::LIMIT).bind(first_hour);
    let rows: Vec<CodeHourRow> = select.fetch_all(connection).await?;
    let as_of = rows.first().and_then(|row| row.as_of);
    let hours = rows.into_iter().filter_map(|row| row.hour).collect();
    Codes::of(hours, query, now, as_of).map_err(|error| sqlx::Error::Decode(error.into()))
}
