//! Copies from and to another store. What is copied is noted as rows of the ledger under keys that no client can choose: they
//! begin with a zero byte. Retention never finds them old.
//!
//! | row | `batch_key` | `accepted` | `stored_by` | `fingerprint` |
//! |---|---|---|---|---|
//! | the database's identity | `\0identity` | 0 | the identity | zeros |
//! | note of what was stored together | `\0copy`, hash of its name | how many logs | the source | the hash |
//! | note of the ids that copies got | `\0ids`, first id, 8 bytes | how many logs | the source | step from id to id, 8 bytes |

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySql, MySqlConnection, QueryBuilder, Row};

use super::copied_ids::{copied_ids, ids_key, step};
use super::{INSERT_BATCHES, INSERT_LOGS, LOGS_PER_STATEMENT, list};
use crate::{Fingerprint, IdempotencyKey, LedgerEntry, Log, StoreIdentity, Timestamp};

const SELECT_NEXT_ID: &str = "SELECT MIN(error_log_id) FROM Logs WHERE error_log_id >= ?";

const SELECT_LOGS: &str = "SELECT error_log_id, device_id, error_number, time_stamp, received_at FROM Logs \
     WHERE error_log_id BETWEEN ? AND ? ORDER BY error_log_id";

const SELECT_LEDGER: &str = "SELECT batch_key, fingerprint, received_at FROM Batches \
     WHERE batch_key > ? ORDER BY batch_key LIMIT 900";

const INSERT_NEW_BATCHES: &str =
    "INSERT IGNORE INTO Batches (batch_key, fingerprint, accepted, stored_by, received_at) ";

const SELECT_IDENTITY: &str = "SELECT stored_by FROM Batches WHERE batch_key = ?";

/// Keys of notes follow.
const SELECT_NOTES: &str = "SELECT batch_key FROM Batches WHERE batch_key IN (";

const SELECT_COPIED: &str = "SELECT CAST(COALESCE(SUM(accepted), 0) AS UNSIGNED) FROM Batches \
     WHERE batch_key >= ? AND batch_key < ? AND stored_by = ?";

/// Before the hash in the key of a note, and what comes after all of these keys.
const NOTE: &[u8] = b"\0copy";
const AFTER_NOTES: &[u8] = b"\0copz";

const IDENTITY: &[u8] = b"\0identity";

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

/// The database's identity; it gets one if it has none.
pub(in crate::mysql) async fn identity(connection: &mut MySqlConnection) -> Result<StoreIdentity, sqlx::Error> {
    loop {
        let found: Option<Vec<u8>> =
            sqlx::query_scalar(SELECT_IDENTITY).bind(IDENTITY).fetch_optional(&mut *connection).await?;
        if let Some(identity) = found.and_then(|bytes| StoreIdentity::from_bytes(&bytes)) {
            return Ok(identity);
        }
        // If another run was first, its identity counts.
        let note = Note { key: IDENTITY.to_vec(), logs: 0, source: StoreIdentity::random(), content: vec![0; 32] };
        insert_notes(connection, INSERT_NEW_BATCHES, vec![note]).await?;
    }
}

/// The logs with these ids, but for those that were copied from the store `except`, and how many those are.
pub(in crate::mysql) async fn logs_of(
    connection: &mut MySqlConnection,
    ids: &RangeInclusive<u64>,
    except: StoreIdentity,
) -> Result<(Vec<Log>, usize), sqlx::Error> {
    let copies = copied_ids(connection, ids, except).await?;
    let rows = sqlx::query(SELECT_LOGS).bind(*ids.start()).bind(*ids.end()).fetch_all(connection).await?;
    let log = |row: MySqlRow| {
        let (id, device_id, code) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Log::new(id, device_id, code, row.try_get(3)?, row.try_get(4)?))
    };
    let mut logs = rows.into_iter().map(log).collect::<Result<Vec<_>, sqlx::Error>>()?;
    let all = logs.len();
    logs.retain(|log| !copies.iter().any(|copies| copies.contains(log.error_log_id())));
    let left_out = all - logs.len();
    Ok((logs, left_out))
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

/// A row of the ledger that stands for no batch.
struct Note {
    key: Vec<u8>,
    logs: usize,
    source: StoreIdentity,
    /// 32 bytes.
    content: Vec<u8>,
}

/// Notes that what has these names was copied from a store, each with the number of its logs.
pub(in crate::mysql) async fn insert_copy_notes(
    connection: &mut MySqlConnection,
    source: StoreIdentity,
    names: Vec<(&str, usize)>,
) -> Result<(), sqlx::Error> {
    let note = |(name, logs): (&str, usize)| Note {
        key: note_key(name),
        logs,
        source,
        content: Sha256::digest(name.as_bytes()).to_vec(),
    };
    insert_notes(connection, INSERT_BATCHES, names.into_iter().map(note).collect()).await
}

async fn insert_notes(connection: &mut MySqlConnection, insert: &str, notes: Vec<Note>) -> Result<(), sqlx::Error> {
    let mut statement = QueryBuilder::<MySql>::new(insert);
    statement.push_values(notes, |mut row, note| {
        row.push_bind(note.key)
            .push_bind(note.content)
            .push_bind(u32::try_from(note.logs).unwrap_or(u32::MAX))
            .push_bind(note.source.as_bytes().to_vec())
            // Retention never finds it old.
            .push_bind(Timestamp::MAX);
    });
    statement.build().execute(connection).await.map(drop)
}

/// Logs that another store had. They get new ids, which are noted.
pub(in crate::mysql) async fn insert_copies(
    connection: &mut MySqlConnection,
    source: StoreIdentity,
    logs: &[&Log],
) -> Result<(), sqlx::Error> {
    let step = step(connection).await?;
    for logs in logs.chunks(LOGS_PER_STATEMENT) {
        let mut statement = QueryBuilder::<MySql>::new(INSERT_LOGS);
        statement.push_values(logs, |mut row, log| {
            row.push_bind(log.device_id())
                .push_bind(log.error_code())
                .push_bind(log.timestamp())
                .push_bind(log.received_at());
        });
        // The server takes the ids of one statement in a row.
        let first = statement.build().execute(&mut *connection).await?.last_insert_id();
        let content = [&step.to_be_bytes()[..], &[0; 24]].concat();
        let note = Note { key: ids_key(first), logs: logs.len(), source, content };
        insert_notes(connection, INSERT_BATCHES, vec![note]).await?;
    }
    Ok(())
}

/// How many logs were copied from a store.
pub(in crate::mysql) async fn count_copied(
    connection: &mut MySqlConnection,
    source: StoreIdentity,
) -> Result<u64, sqlx::Error> {
    let select = sqlx::query_scalar(SELECT_COPIED).bind(NOTE).bind(AFTER_NOTES);
    select.bind(source.as_bytes()).fetch_one(connection).await
}
