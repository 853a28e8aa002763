//! Claims new codes, so that each is announced at most once.

use sqlx::MySqlConnection;

use crate::mysql::one_transaction::Step;
use crate::mysql::retry::{Failure, RetryPolicy, Work};
use crate::mysql::statements::new_codes as statements;

/// The maximum number of codes in one announcement.
const MAX_CODES: u32 = 50;

/// A claim of this age, in seconds, belongs to a run that ended before it announced the codes.
const LEFT_BEHIND_AFTER: i64 = 900;

/// A code that was never seen before, or not for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    /// The code.
    pub error_code: i32,
    /// The first device that sent it.
    pub device_id: String,
    /// When its log was received, in Unix seconds.
    pub received_at: i64,
    /// How many logs of this code are counted by now, ever.
    pub logs: u64,
}

/// Claims codes to announce. No other run gets them.
pub(in crate::mysql) struct ClaimNewCodes<'a> {
    /// A random number of the run.
    pub(in crate::mysql) claimant: &'a [u8; 16],
    pub(in crate::mysql) now: i64,
}

impl Step for ClaimNewCodes<'_> {
    type Output = Vec<NewCode>;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Vec<NewCode>, sqlx::Error> {
        let left = statements::take_left_behind(connection, self.now - LEFT_BEHIND_AFTER).await?;
        if !left.is_empty() {
            tracing::error!(codes = ?left, "new codes may not have been announced: a run ended while it did that");
        }
        statements::claim(connection, self.claimant, self.now, MAX_CODES).await
    }
}

/// Ends a claim.
pub(in crate::mysql) struct SettleClaim<'a> {
    pub(in crate::mysql) claimant: &'a [u8; 16],
    /// Otherwise another run may announce the codes.
    pub(in crate::mysql) announced: bool,
}

impl Work for SettleClaim<'_> {
    type Output = ();
    const RETRY: RetryPolicy = RetryPolicy::Always;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<(), Failure> {
        if self.announced {
            statements::delete_claimed(connection, self.claimant).await?;
        } else {
            statements::release(connection, self.claimant).await?;
        }
        Ok(())
    }
}
