//! The steps of a run, each of them one transaction.

use std::time::Duration;

use sqlx::MySqlConnection;

use super::{Progress, Summary};
use crate::domain::{CodesQuery, SummaryRow, Tally, first_hour, hour_of};
use crate::mysql::one_transaction::Step;
use crate::mysql::retry::{Failure, RetryPolicy, Work};
use crate::mysql::statements::summary::{self as statements, Gap, State};
use crate::mysql::statements::{new_codes, tally as tally_statements};

/// The work of the first step of a run, as [`Tally::work`] counts it: about a second.
pub(super) const FIRST_STEP: u64 = 300_000;

/// Logs that a step counts at most: 16 MB. The more, the cheaper: a code and hour is written once in a step.
const MAX_LOGS: u64 = 1_000_000;

/// A step ends with so many codes: their counts and first devices are in memory, too.
const MAX_CODES: usize = 100_000;

/// Logs of one statement.
const LOGS_PER_READ: u32 = 10_000;

/// The number of rows of `Code_Hours` that one step deletes.
const HOURS_PER_STEP: u32 = 10_000;

/// Counts the next logs; also returns how much work they were. `None`: a rebuild was started meanwhile.
pub(super) struct CountNext {
    pub(super) summary: Summary,
    /// How much work, about.
    pub(super) work: u64,
}

/// The work of the next step: what takes a quarter of the time left at the speed of the step before. So a slow server gets
/// small transactions, and a run that is killed has lost little. A large step may take twice as long as planned.
pub(super) fn next_step(work: u64, took: Duration, left: Duration) -> u64 {
    let next = u128::from(work) * (left / 4).as_millis() / took.as_millis().max(1);
    u64::try_from(next).unwrap_or(u64::MAX).max(FIRST_STEP)
}

impl Step for CountNext {
    type Output = Option<(Progress, u64)>;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<(Progress, u64)>, sqlx::Error> {
        let Summary { now, .. } = self.summary;
        let mut state = statements::lock_state(connection, now).await?;
        if state.rebuilding {
            return Ok(None);
        }
        let hour = hour_of(state.now);
        statements::move_windows(connection, &mut state, hour).await?;
        let mut tally = Tally::new(state.known_to, state.window_hour);
        let mut gaps = Vec::new();
        let mut is_more = true;
        while is_more && tally.work() < self.work && tally.logs < MAX_LOGS && tally.codes.len() < MAX_CODES {
            let rows = statements::rows_after(connection, state.counted_to, LOGS_PER_READ).await?;
            is_more = rows.len() == LOGS_PER_READ as usize;
            for row in rows {
                let SummaryRow { error_log_id: id, .. } = row;
                if id > state.counted_to + 1 {
                    gaps.push(Gap { first_id: state.counted_to + 1, last_id: id - 1, found_at: now });
                }
                state.counted_to = id;
                tally.add(row);
            }
        }
        statements::insert_gaps(connection, &gaps).await?;
        let new_codes = add(connection, &mut tally, self.summary).await?;
        if !is_more {
            state.complete_at = state.complete_at.max(now);
        }
        let state = State { as_of: state.as_of.max(tally.as_of), ..state };
        statements::save_state(connection, &state).await?;
        let next = is_more.then_some(state.counted_to);
        Ok(Some((Progress { counted: tally.logs, new_codes, next }, tally.work())))
    }
}

/// A step larger than the first. It is not repeated after a failure: small ones follow, which fail less.
pub(super) struct LargeStep(pub(super) CountNext);

impl Step for LargeStep {
    type Output = Option<(Progress, u64)>;
    const RETRY: RetryPolicy = RetryPolicy::IfRefused;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Option<(Progress, u64)>, sqlx::Error> {
        self.0.run(connection).await
    }
}

/// Adds a tally to the summary; returns how many codes are new.
pub(super) async fn add(
    connection: &mut MySqlConnection,
    tally: &mut Tally,
    summary: Summary,
) -> Result<u64, sqlx::Error> {
    if tally.logs == 0 {
        return Ok(0);
    }
    let new_after = i64::from(summary.new_after_days) * 86_400;
    let codes: Vec<i32> = tally.codes.keys().copied().collect();
    let last_seen = tally_statements::last_seen(connection, &codes).await?;
    let new = tally.codes.iter().filter(|(code, tally)| tally.is_new(last_seen.get(code).copied(), new_after));
    let new = new.filter_map(|(code, tally)| tally.news.as_ref().map(|(since, device)| (*code, *since, &**device)));
    let new: Vec<_> = new.collect();
    let count = new.len() as u64;
    new_codes::insert(connection, &new).await?;
    tally_statements::add(connection, tally).await?;
    Ok(count)
}

/// How many ids are not counted, and when all logs were counted last.
pub(super) struct Lag;

impl Work for Lag {
    type Output = (u64, i64);
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<(u64, i64), Failure> {
        Ok(statements::lag(connection).await?)
    }
}

/// Deletes hours that are older than the longest window.
pub(super) struct DeleteHours {
    pub(super) now: i64,
}

impl Step for DeleteHours {
    type Output = u64;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<u64, sqlx::Error> {
        let state = statements::lock_state(connection, self.now).await?;
        // One hour more than the longest window, and only hours that have left the windows.
        let oldest = first_hour(CodesQuery::MAX_HOURS + 1, state.window_hour);
        statements::delete_hours(connection, oldest, HOURS_PER_STEP).await
    }
}

/// Makes the next run count everything again.
pub(in crate::mysql) struct StartRebuild;

impl Step for StartRebuild {
    type Output = ();

    async fn run(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        statements::start_rebuild(connection).await
    }
}

/// One step of a rebuild; returns whether more steps are needed before the count can begin.
pub(super) struct Rebuild;

impl Step for Rebuild {
    type Output = bool;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        if !statements::lock_state(connection, 0).await?.rebuilding {
            return Ok(false);
        }
        let deleted = statements::delete_hours(connection, i64::from(i32::MAX), HOURS_PER_STEP).await?;
        if deleted == 0 {
            statements::reset(connection).await?;
        }
        Ok(deleted > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_large_as_the_time_left_allows() {
        let next = |took, left| next_step(1_000_000, Duration::from_millis(took), Duration::from_secs(left));
        assert_eq!(next(1_000, 40), 10_000_000);
        assert_eq!(next(4_000, 8), 500_000);
        assert_eq!(next(40_000, 40), FIRST_STEP, "a slow server");
        assert_eq!(next(0, 40), 10_000_000_000, "a fast one");
    }
}
