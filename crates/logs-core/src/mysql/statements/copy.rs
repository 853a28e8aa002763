//! Copies from and to another store. What is copied is noted as a row of the ledger under a key that no client can choose: it
//! begins with a zero byte. Retention never finds it old.

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use super::{INSERT_BATCHES, INSERT_LOGS, LOGS_PER_STATEMENT, list};
use crate::{Fingerprint, IdempotencyKey, LedgerEntry, Log, Timestamp};

const SELECT_NEXT_ID: &str = "SELECT MIN(error_log_id) FROM Logs WHERE error_log_id >= ?";

const SELECT_LOGS: &str = "SELECT error_log_id, device_id, error_number, time_stamp, received_at FROM Logs \
     WHERE error_log_id BETWEEN ? AND ? ORDER BY error_log_id";

const SELECT_LEDGER: &str = "SELECT batch_key, fingerprint, received_at FROM Batches \
     WHERE batch_key > ? ORDER BY batch_key LIMIT 900";

const INSERT_NEW_BATCHES: &str =
    "INSERT IGNORE INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) ";

/// Keys of notes follow.
const SELECT_NOTES: &str = "SELECT batch_key FROM Batches WHERE batch_key IN (";

const SELECT_COPIED: &str = "SELECT CAST(COALESCE(SUM(accepted), 0) AS UNSIGNED) FROM Batches \
     WHERE batch_key >= ? AND batch_key < ?";

/// Before the hash in the key of a note, and what comes after all of these keys.
const NOTE: &[u8] = b"\0copy";
const AFTER_NOTES: &[u8] = b"\0copz";

/// A row of the ledger: its key, and its entry unless it is a note.
pub(in crate::mysql) struct LedgerRow {
    pub(in crate::mysql) key: Vec<u8>,
    pub(in crate::mysql) entry: Option<LedgerEntry>,
}

impl FromRow<'_, MySqlRow> for LedgerRow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (key, fingerprint): (Vec<u8>, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let parsed = std::str::from_utf8(&key).ok().and_then(|text| IdempotencyKey::parse(text).ok());
        let entry = match (parsed, Fingerprint::from_bytes(&fingerprint)) {
            (Some(key), Some(fingerprint)) => Some(LedgerEntry { key, fingerprint, received_at: row.try_get(2)? }),
            _ => None,
        };
        Ok(Self { key, entry })
    }
}

/// The key of a note. A hash, because a table's name may be longer than a key.
pub(in crate::mysql) fn note_key(name: &str) -> Vec<u8> {
    [NOTE, &Sha256::digest(name.as_bytes())].concat()
}

/// The first id that is there from this one on.
pub(in crate::mysql) async fn next_id(connection: &mut MySqlConnection, from: u64) -> Result<Option<u64>, sqlx::Error> {
    sqlx::query_scalar(SELECT_NEXT_ID).bind(from).fetch_one(connection).await
}

pub(in crate::mysql) async fn logs_of(
    connection: &mut MySqlConnection,
    ids: &RangeInclusive<u64>,
) -> Result<Vec<Log>, sqlx::Error> {
    let rows = sqlx::query(SELECT_LOGS).bind(*ids.start()).bind(*ids.end()).fetch_all(connection).await?;
    let log = |row: MySqlRow| {
        let (id, device_id, code) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Log::new(id, device_id, code, row.try_get(3)?, row.try_get(4)?))
    };
    rows.into_iter().map(log).collect()
}

/// Up to 900 rows of the ledger after this key.
pub(in crate::mysql) async fn ledger_after(
    connection: &mut MySqlConnection,
    key: &[u8],
) -> Result<Vec<LedgerRow>, sqlx::Error> {
    sqlx::query_as(SELECT_LEDGER).bind(key).fetch_all(connection).await
}

/// Enters those keys that the ledger does not have; returns how many they are.
pub(in crate::mysql) async fn insert_new_batches(
    connection: &mut MySqlConnection,
    entries: &[LedgerEntry],
    request: &[u8],
) -> Result<u64, sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(INSERT_NEW_BATCHES);
    statement.push_values(entries, |mut row, entry| {
        row.push_bind(entry.key.as_str().as_bytes())
            .push_bind(entry.fingerprint.as_bytes().to_vec())
            // DynamoDB's ledger does not hold it, and no query reads it.
            .push_bind(0_u32)
            .push_bind(request)
            .push_bind(entry.received_at);
    });
    Ok(statement.build().execute(connection).await?.rows_affected())
}

/// Which of these notes are there.
pub(in crate::mysql) async fn find_notes(
    connection: &mut MySqlConnection,
    keys: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    let mut statement = list(SELECT_NOTES, keys.iter().map(Vec::as_slice));
    statement.build_query_scalar().fetch_all(connection).await
}

/// Notes, each with its key, its name and how many logs it stands for.
pub(in crate::mysql) async fn insert_notes(
    connection: &mut MySqlConnection,
    notes: impl IntoIterator<Item = (&Vec<u8>, &str, usize)>,
) -> Result<(), sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(INSERT_BATCHES);
    statement.push_values(notes, |mut row, (key, name, logs)| {
        row.push_bind(key.clone())
            .push_bind(Sha256::digest(name.as_bytes()).to_vec())
            .push_bind(u32::try_from(logs).unwrap_or(u32::MAX))
            .push_bind(vec![0_u8; 16])
            // Retention never finds it old.
            .push_bind(Timestamp::MAX);
    });
    statement.build().execute(connection).await.map(drop)
}

/// Logs that another store had. They get new ids.
pub(in crate::mysql) async fn insert_copies(
    connection: &mut MySqlConnection,
    logs: &[&Log],
) -> Result<(), sqlx::Error> {
    for logs in logs.chunks(LOGS_PER_STATEMENT) {
        let mut statement = QueryBuilder::<MySql>::new(INSERT_LOGS);
        statement.push_values(logs, |mut row, log| {
            row.push_bind(log.device_id())
                .push_bind(log.error_code())
                .push_bind(log.timestamp())
                .push_bind(log.received_at());
        });
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// How many logs all notes stand for.
pub(in crate::mysql) async fn count_copied(connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
    sqlx::query_scalar(SELECT_COPIED).bind(NOTE).bind(AFTER_NOTES).fetch_one(connection).await
}
