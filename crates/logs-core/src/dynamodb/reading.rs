//! The most recent logs: all shards at once, strongly consistent, merged. A shard that fails fails the list.

use std::cmp::Reverse;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::items::{AS_OF, Item, SHARDS, is_head, logs_of, number_of};
use super::settings::TableSettings;
use super::table::Table;
use crate::{Deadline, Log, MostRecent, StoreError, ranked_at};

/// What the shards hold.
#[derive(Default)]
pub(super) struct Found {
    logs: Vec<Log>,
    as_of: Option<i64>,
    /// The largest number of shards that a writer has used; 0 if none has written.
    pub(super) shards: u16,
}

impl Found {
    fn add(&mut self, items: &[Item]) -> Result<(), StoreError> {
        for item in items {
            if is_head(item) {
                self.shards = self.shards.max(number_of(item, SHARDS).unwrap_or(0));
                self.as_of = self.as_of.max(number_of(item, AS_OF));
            } else {
                let unpacked = logs_of(item).map_err(|error| StoreError::NotStored(error.into()))?;
                self.logs.extend(unpacked.logs);
            }
        }
        Ok(())
    }

    /// The list. Logs can be newer than every head: a head follows them. A head never expires, so of one that is as old as
    /// logs that have expired at `now` nothing follows.
    pub(super) fn most_recent(mut self, limit: u32, settings: &TableSettings, now: i64) -> MostRecent {
        self.as_of = self.as_of.filter(|at| settings.logs_expire_at(*at).is_none_or(|expiry| now < expiry));
        self.logs
            .sort_unstable_by_key(|log| Reverse((ranked_at(log.timestamp(), log.received_at()), log.error_log_id())));
        self.logs.truncate(limit as usize);
        let as_of = self.as_of.max(self.logs.iter().map(Log::received_at).max());
        MostRecent { result: self.logs, as_of, next: None }
    }
}

/// Reads these shards, all at once, into `found`.
pub(super) async fn read(
    table: &Arc<Table>,
    shards: std::ops::Range<u16>,
    found: &mut Found,
    deadline: Deadline,
) -> Result<(), StoreError> {
    let mut queries: JoinSet<_> = shards
        .map(|shard| {
            let table = Arc::clone(table);
            async move { table.newest(shard, deadline).await }
        })
        .collect();
    while let Some(items) = queries.join_next().await {
        let items = items.map_err(|error| StoreError::NotStored(error.into()))?;
        // Reading stores nothing, whatever became of it.
        found.add(&items.map_err(|failure| StoreError::NotStored(failure.error.into()))?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::items::{head_key, number};
    use super::*;

    #[test]
    fn as_of_goes_with_the_last_logs_and_not_with_what_remembers_it() {
        let as_of = |days: &str, now| {
            let settings = TableSettings::from_environment(&|name| match name {
                "TABLE_NAME" => Some("error-codes".to_owned()),
                "LOG_RETENTION_DAYS" => Some(days.to_owned()),
                _ => None,
            });
            let (mut head, mut found) = (head_key(3), Found::default());
            head.insert(AS_OF.to_owned(), number(1_000));
            found.add(&[head]).unwrap();
            found.most_recent(10, &settings.unwrap().unwrap(), now).as_of
        };
        assert_eq!(as_of("2", 1_000 + 2 * 86_400 - 1), Some(1_000));
        assert_eq!(as_of("2", 1_000 + 2 * 86_400), None);
        assert_eq!(as_of("0", i64::MAX), Some(1_000), "nothing expires");
    }
}
