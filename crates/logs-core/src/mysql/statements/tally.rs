//! Adds new counts to the summary of the codes.

use std::collections::HashMap;

use sqlx::{MySql, MySqlConnection, QueryBuilder};

use super::{ROWS_PER_STATEMENT, list};
use crate::domain::{CodeTally, Devices, Tally};

/// Codes follow.
const SELECT_LAST_SEEN: &str = "SELECT error_code, last_seen FROM Codes WHERE error_code IN (";

const INSERT_CODES: &str = "INSERT INTO Codes (error_code, logs, day, week, first_seen, last_seen) ";
const ADD_TO_CODES: &str = " ON DUPLICATE KEY UPDATE logs = logs + VALUES(logs), \
     day = day + VALUES(day), week = week + VALUES(week), \
     first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen))";

/// Codes follow, and an hour.
const SELECT_DEVICES: &str = "SELECT error_code, devices FROM Code_Hours WHERE error_code IN (";
const INSERT_HOURS: &str = "INSERT INTO Code_Hours (hour, error_code, logs, devices) ";
const ADD_TO_HOURS: &str = " ON DUPLICATE KEY UPDATE logs = logs + VALUES(logs), devices = VALUES(devices)";

/// When each of these codes was seen last. Codes that were never seen are left out.
pub(in crate::mysql) async fn last_seen(
    connection: &mut MySqlConnection,
    codes: &[i32],
) -> Result<HashMap<i32, i64>, sqlx::Error> {
    let mut seen = HashMap::new();
    for codes in codes.chunks(ROWS_PER_STATEMENT) {
        let mut statement = list(SELECT_LAST_SEEN, codes.iter().copied());
        let rows: Vec<(i32, i64)> = statement.build_query_as().persistent(false).fetch_all(&mut *connection).await?;
        seen.extend(rows);
    }
    Ok(seen)
}

/// Adds a tally to the codes, and to the codes of each hour.
pub(in crate::mysql) async fn add(connection: &mut MySqlConnection, tally: &Tally) -> Result<(), sqlx::Error> {
    let mut codes: Vec<(&i32, &CodeTally)> = tally.codes.iter().collect();
    codes.sort_unstable_by_key(|code| code.0);
    for codes in codes.chunks(ROWS_PER_STATEMENT) {
        let mut statement = QueryBuilder::<MySql>::new(INSERT_CODES);
        statement.push_values(codes, |mut row, (error_code, code)| {
            row.push_bind(**error_code).push_bind(code.logs).push_bind(code.day).push_bind(code.week);
            row.push_bind(code.first_seen).push_bind(code.last_seen);
        });
        statement.push(ADD_TO_CODES).build().persistent(false).execute(&mut *connection).await?;
    }
    let mut hours: Vec<_> = tally.hours.iter().map(|((hour, code), devices)| (*hour, *code, devices)).collect();
    hours.sort_unstable_by_key(|hour| (hour.0, hour.1));
    for hours in hours.chunks(ROWS_PER_STATEMENT) {
        let mut sketches = sketches_of(connection, hours.iter().map(|(hour, code, _)| (*hour, *code))).await?;
        let mut statement = QueryBuilder::<MySql>::new(INSERT_HOURS);
        let mut rows = Vec::with_capacity(hours.len());
        for (hour, code, devices) in hours {
            let earlier = sketches.remove(&(*hour, *code)).unwrap_or_default();
            let mut sketch = Devices::parse(&earlier).map_err(|error| sqlx::Error::Decode(error.into()))?;
            for device in *devices {
                sketch.add(*device);
            }
            rows.push((*hour, *code, devices.len() as u64, sketch.to_bytes()));
        }
        statement.push_values(rows, |mut row, (hour, code, logs, sketch)| {
            row.push_bind(hour).push_bind(code).push_bind(logs).push_bind(sketch);
        });
        statement.push(ADD_TO_HOURS).build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The stored sketches of these hours and codes, which must be sorted.
async fn sketches_of(
    connection: &mut MySqlConnection,
    hours: impl Iterator<Item = (i64, i32)>,
) -> Result<HashMap<(i64, i32), Vec<u8>>, sqlx::Error> {
    let hours: Vec<_> = hours.collect();
    let mut sketches = HashMap::new();
    // One statement for each hour: both servers read `error_code IN (…) AND hour = …` along the primary key.
    for codes in hours.chunk_by(|a, b| a.0 == b.0) {
        let Some((hour, _)) = codes.first().copied() else { continue };
        let mut statement = list(SELECT_DEVICES, codes.iter().map(|code| code.1));
        statement.push(" AND hour = ").push_bind(hour);
        let rows: Vec<(i32, Vec<u8>)> =
            statement.build_query_as().persistent(false).fetch_all(&mut *connection).await?;
        sketches.extend(rows.into_iter().map(|(code, devices)| ((hour, code), devices)));
    }
    Ok(sketches)
}
