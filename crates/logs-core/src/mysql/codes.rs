//! The answers to GET /codes, cached until `summarize` has run again: pages ask every few seconds, `summarize` runs once a
//! minute.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::MySqlConnection;

use super::connection::Connections;
use super::error::MySqlError;
use super::one_transaction::{InTransaction, Step};
use super::statements::codes::{self as statements, SummaryVersion};
use crate::{Codes, CodesQuery, Deadline};

/// How many answers are cached: those of a day and of a week, between which a page switches.
const MAX_ANSWERS: usize = 2;

/// The latest answers.
#[derive(Debug, Default)]
pub(super) struct CodesCache(Mutex<Vec<CachedCodes>>);

#[derive(Clone, Debug)]
struct CachedCodes {
    version: SummaryVersion,
    query: CodesQuery,
    first_hour: i64,
    codes: Codes,
}

impl CodesCache {
    /// The codes of the window that ends at `now` (Unix seconds).
    pub(super) async fn find(
        &self,
        connections: &Connections,
        query: CodesQuery,
        now: i64,
        deadline: Deadline,
    ) -> Result<Codes, MySqlError> {
        let first_hour = query.first_hour(now);
        let is_same = |cached: &CachedCodes| (cached.query, cached.first_hour) == (query, first_hour);
        let cached = self.lock().iter().find(|cached| is_same(cached)).cloned();
        let found = connections.run(deadline, InTransaction(FindCodes { query, now, first_hour, cached })).await?;
        let codes = found.codes.clone();
        let mut all = self.lock();
        all.retain(|cached| cached.query != query);
        all.truncate(MAX_ANSWERS - 1);
        all.insert(0, found);
        Ok(codes)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CachedCodes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the summary, unless `cached` is of the version that is there. In one transaction, so that everything is of one
/// moment.
struct FindCodes {
    query: CodesQuery,
    now: i64,
    first_hour: i64,
    cached: Option<CachedCodes>,
}

impl Step for FindCodes {
    type Output = CachedCodes;

    async fn run(&self, connection: &mut MySqlConnection) -> Result<CachedCodes, sqlx::Error> {
        let Self { query, now, first_hour, .. } = *self;
        let version = statements::version(connection).await?;
        match &self.cached {
            Some(cached) if cached.version == version => Ok(cached.clone()),
            _ => {
                let codes = statements::find_codes(connection, version, query, now).await?;
                Ok(CachedCodes { version, query, first_hour, codes })
            }
        }
    }
}
