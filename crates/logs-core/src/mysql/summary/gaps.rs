//! Ids that were missing when the count passed them.

use sqlx::MySqlConnection;

use super::steps::add;
use super::{Progress, Summary};
use crate::domain::{SummaryRow, Tally};
use crate::mysql::error::{LOCK_WAIT_TIMEOUT, number};
use crate::mysql::one_transaction::Step;
use crate::mysql::statements::summary::{self as statements, Gap, State};

/// The number of gaps that one statement reads.
const GAPS_PER_READ: usize = 200;

/// The number of gaps that one step reads.
const GAPS_PER_STEP: u32 = 10_000;

/// How long to wait for an id. It is assigned when its INSERT begins, and no INSERT takes an hour. An uncommitted row
/// is waited for as long as its transaction is open.
const GIVE_UP_AFTER: i64 = 3_600;

/// Counts the logs that have appeared in gaps.
pub(super) struct CountGaps {
    pub(super) summary: Summary,
    /// The first id of the last gap of the step before.
    pub(super) after: u64,
}

impl Step for CountGaps {
    type Output = Progress;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Progress, sqlx::Error> {
        let state = statements::lock_state(connection, self.summary.now).await?;
        let gaps = statements::gaps_after(connection, self.after, GAPS_PER_STEP).await?;
        let is_more = gaps.len() == GAPS_PER_STEP as usize;
        let next = gaps.last().map(|gap| gap.first_id).filter(|_| is_more);
        let mut tally = Tally::new(state.known_to, state.window_hour);
        for gaps in gaps.chunks(GAPS_PER_READ) {
            let rows = statements::rows_in(connection, gaps).await?;
            if rows.is_empty() {
                continue;
            }
            let filled = |gap: &&Gap| rows.iter().any(|row| is_in(gap, row.error_log_id));
            let filled: Vec<Gap> = gaps.iter().filter(filled).copied().collect();
            statements::delete_gaps(connection, &filled).await?;
            statements::insert_gaps(connection, &remainders(&filled, &rows)).await?;
            for row in rows {
                tally.add(row);
            }
        }
        let new_codes = add(connection, &mut tally, self.summary).await?;
        if tally.logs > 0 {
            // Not the time, only another one: get-logs keeps its answers until it changes. The end of the run sets it right.
            let complete_at = state.complete_at + 1;
            let state = State { as_of: state.as_of.max(tally.as_of), complete_at, ..state };
            statements::save_state(connection, &state).await?;
        }
        Ok(Progress { counted: tally.logs, new_codes, next })
    }
}

fn is_in(gap: &Gap, id: u64) -> bool {
    (gap.first_id..=gap.last_id).contains(&id)
}

/// The parts of the gaps that these rows do not fill.
fn remainders(gaps: &[Gap], rows: &[SummaryRow]) -> Vec<Gap> {
    let mut ids: Vec<u64> = rows.iter().map(|row| row.error_log_id).collect();
    ids.sort_unstable();
    let mut left = Vec::new();
    for gap in gaps {
        let mut first_id = gap.first_id;
        for id in ids.iter().copied().filter(|id| is_in(gap, *id)) {
            if first_id < id {
                left.push(Gap { first_id, last_id: id - 1, ..*gap });
            }
            first_id = id + 1;
        }
        if first_id <= gap.last_id {
            left.push(Gap { first_id, ..*gap });
        }
    }
    left
}

/// Gives up some old gaps; returns whether there may be more.
pub(super) struct GiveUpGaps {
    pub(super) now: i64,
}

impl Step for GiveUpGaps {
    type Output = bool;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        statements::lock_state(connection, self.now).await?;
        let before = self.now - GIVE_UP_AFTER;
        let gaps = statements::gaps_before(connection, before, GAPS_PER_READ).await?;
        if gaps.is_empty() {
            return Ok(false);
        }
        match statements::is_any_in(connection, &gaps).await {
            Ok(false) => {}
            // Committed just now: the next run counts it.
            Ok(true) => return Ok(false),
            // Written and not committed.
            Err(error) if number(&error) == Some(LOCK_WAIT_TIMEOUT) => return Ok(false),
            Err(error) => return Err(error),
        }
        statements::delete_gaps(connection, &gaps).await?;
        Ok(gaps.len() == GAPS_PER_READ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(error_log_id: u64) -> SummaryRow {
        SummaryRow { error_log_id, error_code: 1, device_id: String::new(), received_at: 0 }
    }

    fn gap(first_id: u64, last_id: u64) -> Gap {
        Gap { first_id, last_id, found_at: 5 }
    }

    #[test]
    fn what_is_left_of_a_gap_stays_a_gap() {
        let left = |gaps: &[Gap], ids: &[u64]| remainders(gaps, &ids.iter().map(|id| row(*id)).collect::<Vec<_>>());
        assert_eq!(left(&[gap(5, 9)], &[7]), [gap(5, 6), gap(8, 9)]);
        assert_eq!(left(&[gap(5, 9)], &[9, 5]), [gap(6, 8)]);
        assert_eq!(left(&[gap(5, 9)], &[6, 7, 8]), [gap(5, 5), gap(9, 9)]);
        assert_eq!(left(&[gap(5, 5)], &[5]), []);
        assert_eq!(left(&[gap(1, 2), gap(5, 6)], &[2, 5]), [gap(1, 1), gap(6, 6)]);
    }
}
