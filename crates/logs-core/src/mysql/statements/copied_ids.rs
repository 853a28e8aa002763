//! Which ids copies got, so that nothing is copied back to where it came from. The notes stand in the ledger (`copy.rs`).

use std::ops::RangeInclusive;

use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, MySqlConnection, Row};

use super::LOGS_PER_STATEMENT;
use crate::StoreIdentity;

/// Another value where several servers take ids in turn.
const SELECT_STEP: &str = "SELECT CAST(@@SESSION.auto_increment_increment AS UNSIGNED)";

const SELECT_IDS: &str = "SELECT batch_key, accepted, fingerprint FROM Batches \
     WHERE batch_key BETWEEN ? AND ? AND stored_by = ?";

/// Before the first id in the key of a note.
const IDS: &[u8] = b"\0ids";

/// The ids that the copies of one statement got.
pub(super) struct CopiedIds {
    first: u64,
    step: u64,
    count: u64,
}

impl CopiedIds {
    pub(super) fn contains(&self, id: u64) -> bool {
        id.checked_sub(self.first)
            .is_some_and(|distance| distance % self.step == 0 && distance / self.step < self.count)
    }
}

impl FromRow<'_, MySqlRow> for CopiedIds {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (key, count, content): (Vec<u8>, u32, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let number = |bytes: Option<&[u8; 8]>| bytes.copied().map_or(0, u64::from_be_bytes);
        Ok(Self { first: number(key.last_chunk()), step: number(content.first_chunk()).max(1), count: count.into() })
    }
}

/// Which of these ids, and of those around them, are of copies from this store.
pub(super) async fn copied_ids(
    connection: &mut MySqlConnection,
    ids: &RangeInclusive<u64>,
    source: StoreIdentity,
) -> Result<Vec<CopiedIds>, sqlx::Error> {
    let longest = LOGS_PER_STATEMENT as u64 * step(connection).await?;
    let select =
        sqlx::query_as(SELECT_IDS).bind(ids_key(ids.start().saturating_sub(longest))).bind(ids_key(*ids.end()));
    select.bind(source.as_bytes()).fetch_all(connection).await
}

pub(super) fn ids_key(first: u64) -> Vec<u8> {
    [IDS, &first.to_be_bytes()].concat()
}

pub(super) async fn step(connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
    sqlx::query_scalar(SELECT_STEP).fetch_one(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_several_servers_take_in_turn_are_told_apart() {
        let ids = CopiedIds { first: 10, step: 3, count: 4 };
        let copied: Vec<_> = (0..30).filter(|id| ids.contains(*id)).collect();
        assert_eq!(copied, [10, 13, 16, 19]);
    }
}
