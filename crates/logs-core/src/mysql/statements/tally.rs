//! Adds new counts to the summary of the codes.

use std::collections::HashMap;

use sqlx::{MySql, MySqlConnection, QueryBuilder};

use super::{ROWS_PER_STATEMENT, list};
use crate::domain::{CodeTally, Devices, Entry, Tally};

/// Codes follow.
const SELECT_LAST_SEEN: &str = "SELECT error_code, last_seen FROM Codes WHERE error_code IN (";

const INSERT_CODES: &str = "INSERT INTO Codes (error_code, logs, day, week, first_seen, last_seen) ";
const ADD_TO_CODES: &str = " ON DUPLICATE KEY UPDATE logs = logs + VALUES(logs), \
     day = day + VALUES(day), week = week + VALUES(week), \
     first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen))";

/// `?` is a JSON array of `[code, hour]`. The servers look each one up along the primary key; a list of as many bound
/// values takes them twice as long.
const SELECT_DEVICES: &str = "SELECT STRAIGHT_JOIN Code_Hours.error_code, Code_Hours.hour, Code_Hours.devices \
     FROM JSON_TABLE(?, '$[*]' COLUMNS (error_code INT PATH '$[0]', hour INT PATH '$[1]')) AS wanted \
     JOIN Code_Hours USING (error_code, hour)";
const SELECT_HOURS: &str = "SELECT MIN(hour), MAX(hour) FROM Code_Hours";
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
pub(in crate::mysql) async fn add(connection: &mut MySqlConnection, tally: &mut Tally) -> Result<(), sqlx::Error> {
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
    let stored: (Option<i32>, Option<i32>) = sqlx::query_as(SELECT_HOURS).fetch_one(&mut *connection).await?;
    let mut groups = tally.hours();
    let mut insert: Option<QueryBuilder<'static, MySql>> = None;
    loop {
        let hours: Vec<&[Entry]> = groups.by_ref().take(ROWS_PER_STATEMENT).collect();
        let sketches = sketches_of(connection, &hours, stored).await?;
        let execute = async {
            let Some(insert) = &mut insert else { return Ok(()) };
            // All but the last statement have as many rows, so one text, and only that is worth preparing.
            insert.build().persistent(!hours.is_empty()).execute(&mut *connection).await.map(drop)
        };
        // The server stores some rows while the next ones are made.
        let (executed, next) = tokio::join!(biased; execute, async { insert_hours(&hours, sketches) });
        executed?;
        if hours.is_empty() {
            return Ok(());
        }
        insert = Some(next?);
    }
}

fn insert_hours(
    hours: &[&[Entry]],
    mut sketches: HashMap<(i32, i64), Vec<u8>>,
) -> Result<QueryBuilder<'static, MySql>, sqlx::Error> {
    let mut rows = Vec::with_capacity(hours.len());
    for entries in hours {
        let Some(key @ (code, hour)) = entries.first().map(Entry::key) else { continue };
        let earlier = sketches.remove(&key).unwrap_or_default();
        let mut sketch = Devices::parse(&earlier).map_err(|error| sqlx::Error::Decode(error.into()))?;
        for entry in *entries {
            sketch.add(entry.device);
        }
        rows.push((hour, code, entries.len() as u64, sketch.to_bytes()));
    }
    let mut insert = QueryBuilder::new(INSERT_HOURS);
    insert.push_values(rows, |mut row, (hour, code, logs, sketch)| {
        row.push_bind(hour).push_bind(code).push_bind(logs).push_bind(sketch);
    });
    insert.push(ADD_TO_HOURS);
    Ok(insert)
}

/// The stored sketches of these codes and hours. `stored`: the first and the last hour that have any.
async fn sketches_of(
    connection: &mut MySqlConnection,
    hours: &[&[Entry]],
    stored: (Option<i32>, Option<i32>),
) -> Result<HashMap<(i32, i64), Vec<u8>>, sqlx::Error> {
    let keys = hours.iter().filter_map(|entries| entries.first()).map(Entry::key);
    // New hours have none: most of what is counted after an outage.
    let (Some(first), Some(last)) = stored else { return Ok(HashMap::new()) };
    let keys: Vec<_> = keys.filter(|(_, hour)| (first.into()..=last.into()).contains(hour)).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = serde_json::to_string(&keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let rows: Vec<(i32, i32, Vec<u8>)> = sqlx::query_as(SELECT_DEVICES).bind(keys).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(code, hour, devices)| ((code, hour.into()), devices)).collect())
}
