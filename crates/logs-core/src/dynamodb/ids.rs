//! Ids for logs, in blocks of a million (Hi/Lo): one write for each environment and million logs.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::error::{Failure, TableError};
use super::items::{NEXT_ID, SHARDS, head_key, number, number_of};
use super::table::{Change, Table};
use crate::Deadline;

/// Ids stay below 2^53 for 9 billion blocks.
const BLOCK: u64 = 1_000_000;

/// The rest of the block that was drawn last.
#[derive(Debug, Default)]
pub(super) struct Ids(Mutex<Range<u64>>);

impl Ids {
    /// The first of `count` ids in a row.
    pub(super) async fn take(
        &self,
        table: &Table,
        shards: u16,
        count: u64,
        deadline: Deadline,
    ) -> Result<u64, Failure> {
        loop {
            if let Some(first) = self.take_from_block(count) {
                return Ok(first);
            }
            self.refill(table, shards, deadline).await?;
        }
    }

    /// Draws a block. What is left of another one is never used: an id need not follow the one before.
    pub(super) async fn refill(&self, table: &Table, shards: u16, deadline: Deadline) -> Result<(), Failure> {
        let end = draw(table, shards, deadline).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end - BLOCK + 1..end + 1;
        Ok(())
    }

    fn take_from_block(&self, count: u64) -> Option<u64> {
        let mut block = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = block.start;
        let is_enough = block.end - block.start >= count;
        is_enough.then(|| {
            block.start += count;
            first
        })
    }
}

/// Draws a block and enters the number of shards. Returns the last id of the block. A try whose answer is lost costs a block,
/// nothing else.
async fn draw(table: &Table, shards: u16, deadline: Deadline) -> Result<u64, Failure> {
    let change = Change {
        expression: "ADD next_id :block SET shards = if_not_exists(shards, :shards)",
        condition: None,
        values: vec![(":block", number(BLOCK)), (":shards", number(shards))],
    };
    let head = table.update(head_key(0), change, deadline).await?;
    let end: Option<u64> = number_of(&head, NEXT_ID).filter(|end| *end >= BLOCK);
    let Some(end) = end else {
        let error = TableError::Refused(format!("{NEXT_ID} of shard 0 is no number of blocks"));
        return Err(Failure { error, ambiguous: false });
    };
    if number_of::<u16>(&head, SHARDS).is_none_or(|known| known < shards) {
        let change = Change {
            expression: "SET shards = :shards",
            condition: Some("shards < :shards"),
            values: vec![(":shards", number(shards))],
        };
        match table.update(head_key(0), change, deadline).await {
            // The condition failed: another writer has entered more.
            Ok(_) | Err(Failure { error: TableError::Condition(_), .. }) => {}
            Err(failure) => return Err(Failure { ambiguous: false, ..failure }),
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_each_other_until_the_block_has_too_few() {
        let ids = Ids(Mutex::new(1..11));
        assert_eq!([ids.take_from_block(4), ids.take_from_block(6)], [Some(1), Some(5)]);
        assert_eq!((ids.take_from_block(1), Ids::default().take_from_block(1)), (None, None));
    }
}
