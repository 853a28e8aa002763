//! Reads the summary of the codes.

use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use crate::domain::{CodeHour, Devices};
use crate::{Codes, CodesQuery};

/// The most frequent codes. For a day and a week an index has them; for another window they are added up, which takes
/// longer.
const OF_DAY: &str =
    "SELECT error_code FROM Codes FORCE INDEX (by_day) WHERE day > 0 ORDER BY day DESC, error_code LIMIT ";
const OF_WEEK: &str =
    "SELECT error_code FROM Codes FORCE INDEX (by_week) WHERE week > 0 ORDER BY week DESC, error_code LIMIT ";
const OF_HOURS: &str = "SELECT error_code FROM Code_Hours FORCE INDEX (counts) WHERE hour >= ";
const BY_COUNT: &str = " GROUP BY error_code ORDER BY SUM(logs) DESC, error_code LIMIT ";

/// One statement, so that everything is of one moment. The most frequent codes follow; only their sketches are read.
/// There is a row with `as_of` even if nothing is found.
const SELECT_CODES: &str = "SELECT state.as_of, hours.* FROM Summary_State AS state LEFT JOIN ( \
     SELECT Codes.error_code, Codes.first_seen, Codes.last_seen, Code_Hours.hour, Code_Hours.logs, Code_Hours.devices \
     FROM (";
const THEIR_HOURS: &str = ") AS frequent \
     STRAIGHT_JOIN Codes ON Codes.error_code = frequent.error_code \
     STRAIGHT_JOIN Code_Hours FORCE INDEX (PRIMARY) \
     ON Code_Hours.error_code = frequent.error_code AND Code_Hours.hour >= ";
const END_OF_CODES: &str = ") AS hours ON TRUE WHERE state.id = 1";

/// A row of `SELECT_CODES`.
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
    let mut select = QueryBuilder::<MySql>::new(SELECT_CODES);
    match query.hours {
        CodesQuery::DAY => select.push(OF_DAY),
        CodesQuery::MAX_HOURS => select.push(OF_WEEK),
        _ => select.push(OF_HOURS).push_bind(first_hour).push(BY_COUNT),
    };
    select.push_bind(CodesQuery::LIMIT).push(THEIR_HOURS).push_bind(first_hour).push(END_OF_CODES);
    let rows: Vec<CodeHourRow> = select.build_query_as().fetch_all(connection).await?;
    let as_of = rows.first().and_then(|row| row.as_of);
    let hours = rows.into_iter().filter_map(|row| row.hour).collect();
    Codes::of(hours, query, now, as_of).map_err(|error| sqlx::Error::Decode(error.into()))
}
