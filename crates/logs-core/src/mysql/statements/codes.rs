//! Reads the summary of the codes.

use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use crate::domain::{CodeHour, Devices, FrequentCode};
use crate::{Codes, CodesQuery};

/// The most frequent codes. For a day and a week an index has them; for another window they are added up, which takes
/// longer.
const OF_DAY: &str =
    "SELECT error_code FROM Codes FORCE INDEX (by_day) WHERE day > 0 ORDER BY day DESC, error_code LIMIT ";
const OF_WEEK: &str =
    "SELECT error_code FROM Codes FORCE INDEX (by_week) WHERE week > 0 ORDER BY week DESC, error_code LIMIT ";
const OF_HOURS: &str = "SELECT error_code FROM Code_Hours FORCE INDEX (counts) WHERE hour >= ";
const BY_COUNT: &str = " GROUP BY error_code ORDER BY SUM(logs) DESC, error_code LIMIT ";

const SELECT_VERSION: &str =
    "SELECT counted_to, window_hour, complete_at, rebuilding, as_of FROM Summary_State WHERE id = 1";

/// The most frequent codes follow.
const SELECT_FREQUENT: &str = "SELECT Codes.error_code, Codes.first_seen, Codes.last_seen FROM (";
const END_OF_FREQUENT: &str = ") AS frequent STRAIGHT_JOIN Codes ON Codes.error_code = frequent.error_code";

/// Codes and the first hour follow. Not a join with the codes, which would read a whole week of each: only a list of
/// numbers lets the servers begin at the first hour.
const SELECT_HOURS: &str =
    "SELECT error_code, hour, logs, devices FROM Code_Hours FORCE INDEX (PRIMARY) WHERE error_code IN (";

/// What the summary has counted. Whatever counts anything changes it: later ids `counted_to`, filled gaps and a rebuild
/// `complete_at`. So does each complete run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mysql) struct SummaryVersion {
    counted_to: u64,
    window_hour: i64,
    complete_at: i64,
    rebuilding: bool,
    as_of: Option<i64>,
}

impl FromRow<'_, MySqlRow> for SummaryVersion {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (counted_to, window_hour, complete_at) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Self { counted_to, window_hour, complete_at, rebuilding: row.try_get(3)?, as_of: row.try_get(4)? })
    }
}

impl FromRow<'_, MySqlRow> for FrequentCode {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self { error_code: row.try_get(0)?, first_seen: row.try_get(1)?, last_seen: row.try_get(2)? })
    }
}

impl FromRow<'_, MySqlRow> for CodeHour {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let devices = Devices::parse(row.try_get(3)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Self { error_code: row.try_get(0)?, hour: row.try_get::<i32, _>(1)?.into(), logs: row.try_get(2)?, devices })
    }
}

/// What the summary has counted now.
pub(in crate::mysql) async fn version(connection: &mut MySqlConnection) -> Result<SummaryVersion, sqlx::Error> {
    sqlx::query_as(SELECT_VERSION).fetch_one(connection).await
}

/// The codes of the window that ends at `now` (Unix seconds), in this version of the summary.
pub(in crate::mysql) async fn find_codes(
    connection: &mut MySqlConnection,
    version: SummaryVersion,
    query: CodesQuery,
    now: i64,
) -> Result<Codes, sqlx::Error> {
    let first_hour = query.first_hour(now);
    let mut select = QueryBuilder::<MySql>::new(SELECT_FREQUENT);
    match query.hours {
        CodesQuery::DAY => select.push(OF_DAY),
        CodesQuery::MAX_HOURS => select.push(OF_WEEK),
        _ => select.push(OF_HOURS).push_bind(first_hour).push(BY_COUNT),
    };
    select.push_bind(CodesQuery::LIMIT).push(END_OF_FREQUENT);
    let codes: Vec<FrequentCode> = select.build_query_as().fetch_all(&mut *connection).await?;
    let hours = match codes.first() {
        Some(first) => {
            // Filled up, so that it is one text, which is prepared once.
            let numbers = codes.iter().chain(std::iter::repeat(first)).map(|code| code.error_code);
            let mut select = super::list(SELECT_HOURS, numbers.take(CodesQuery::LIMIT as usize));
            select.push(" AND hour >= ").push_bind(first_hour).build_query_as().fetch_all(connection).await?
        }
        None => Vec::new(),
    };
    Codes::of(&codes, hours, query, now, version.as_of).map_err(|error| sqlx::Error::Decode(error.into()))
}
