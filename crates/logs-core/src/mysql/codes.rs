//! The answers to GET /codes, kept until `summarize` has run again: pages ask every few seconds, `summarize` runs once a
//! minute.

use std::sync::{Mutex, PoisonError};

use sqlx::MySqlConnection;

use super::connection::Connections;
use super::error::MySqlError;
use super::one_transaction::{InTransaction, Step};
use super::statements::codes::{self as statements, Edition};
use crate::{Codes, CodesQuery, Deadline};

/// How many answers are kept: those of a day and of a week, between which a page switches.
const MAX_KEPT: usize = 2;

/// The latest answers.
#[derive(Debug, Default)]
pub(super) struct KeptCodes(Mutex<Vec<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    edition: Edition,
    query: CodesQuery,
    first_hour: i64,
    codes: Codes,
}

impl KeptCodes {
    /// The codes of the window that ends at `now` (Unix seconds).
    pub(super) async fn find(
        &self,
        connections: &Connections,
        query: CodesQuery,
        now: i64,
        deadline: Deadline,
    ) -> Result<Codes, MySqlError> {
        let first_hour = query.first_hour(now);
        let is_same = |kept: &Kept| (kept.query, kept.first_hour) == (query, first_hour);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|kept| is_same(kept)).cloned();
        let found = connections.run(deadline, InTransaction(FindCodes { query, now, first_hour, kept })).await?;
        let codes = found.codes.clone();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| kept.query != query);
        all.truncate(MAX_KEPT - 1);
        all.insert(0, found);
        Ok(codes)
    }
}

/// Reads the summary, unless `kept` is of the edition that is there. In one transaction, so that everything is of one
/// moment.
struct FindCodes {
    query: CodesQuery,
    now: i64,
    first_hour: i64,
    kept: Option<Kept>,
}

impl Step for FindCodes {
    type Output = Kept;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<Kept, sqlx::Error> {
        let Self { query, now, first_hour, .. } = *self;
        let edition = statements::edition(connection).await?;
        match &self.kept {
            Some(kept) if kept.edition == edition => Ok(kept.clone()),
            _ => {
                let codes = statements::find_codes(connection, edition, query, now).await?;
                Ok(Kept { edition, query, first_hour, codes })
            }
        }
    }
}
