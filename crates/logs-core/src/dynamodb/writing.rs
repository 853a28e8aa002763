//! Logs as items, and the time of the newest.

use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use super::error::{Failure, TableError};
use super::ids::Ids;
use super::items::{AS_OF, batch_item, head_key, number, shard_item};
use super::packing::{Entry, pack};
use super::settings::TableSettings;
use super::table::{Change, NewItem, Table};
use crate::{Deadline, MostRecent, NewLog, ranked_at};

/// How many logs of a batch can be on the list.
const EXCERPT: usize = MostRecent::LIMIT as usize;

/// How much goes into one batch item, before it is packed. An item is 400 kB at most.
const MAX_PART: usize = 350_000;

/// What a log takes besides its device id, at most: five varints.
pub(super) const LOG_OVERHEAD: usize = 30;

/// Turns logs into items.
#[derive(Debug)]
pub(super) struct Writer {
    ids: Ids,
    /// The newest `received_at` that this environment knows to be in a head.
    as_of: AtomicI64,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { ids: Ids::default(), as_of: AtomicI64::new(i64::MIN) }
    }

    /// Draws ids ahead of the first event.
    pub(super) async fn warm_up(
        &self,
        table: &Table,
        settings: &TableSettings,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        self.ids.refill(table, settings.shards, deadline).await
    }

    /// The items of logs that are stored together: a shard item, and batch items if there are more logs than a list has.
    pub(super) async fn items(
        &self,
        table: &Table,
        settings: &TableSettings,
        logs: &[(&NewLog, i64)],
        deadline: Deadline,
    ) -> Result<Vec<NewItem>, Failure> {
        let entries = logs.iter().map(|(log, received_at)| entry(log, *received_at)).collect();
        self.items_of(table, settings, entries, deadline).await
    }

    /// The same of entries, which get their ids here.
    pub(super) async fn items_of(
        &self,
        table: &Table,
        settings: &TableSettings,
        mut entries: Vec<Entry<'_>>,
        deadline: Deadline,
    ) -> Result<Vec<NewItem>, Failure> {
        let first_id = self.ids.take(table, settings.shards, entries.len() as u64, deadline).await?;
        for (id, entry) in (first_id..).zip(&mut entries) {
            entry.id = id;
        }
        let newest_first = newest_first(&entries);
        let Some(newest) = newest_first.first() else { return Ok(Vec::new()) };
        let expires_at = settings.logs_expire_at(entries.iter().map(|log| log.received_at).max().unwrap_or_default());
        let is_excerpt = entries.len() > EXCERPT;
        let packed = pack(&newest_first[..newest_first.len().min(EXCERPT)], is_excerpt);
        let mut items = vec![shard_item(any_shard(settings.shards), *newest, packed, expires_at)];
        if is_excerpt {
            let parts = parts(&entries).into_iter().enumerate();
            items.extend(parts.map(|(number, part)| batch_item(first_id, number, pack(part, false), expires_at)));
        }
        Ok(items.into_iter().map(NewItem::Put).collect())
    }

    /// Notes that something that was received then is stored: at most one write a second and environment. A failure is only
    /// logged, for the logs are stored; the next batch makes up for it.
    pub(super) async fn stored(&self, table: &Table, shards: u16, received_at: i64, deadline: Deadline) {
        if self.as_of.load(Ordering::Relaxed) >= received_at {
            return;
        }
        let change = Change {
            expression: "SET as_of = :at",
            condition: Some("attribute_not_exists(as_of) OR as_of < :at"),
            values: vec![(":at", number(received_at))],
        };
        match table.update(head_key(any_shard(shards)), change, deadline).await {
            // A condition that failed: something newer is stored.
            Ok(_) | Err(Failure { error: TableError::Condition(_), .. }) => {
                self.as_of.fetch_max(received_at, Ordering::Relaxed);
            }
            Err(Failure { error, .. }) => tracing::warn!(%error, "{AS_OF} is behind until the next batch"),
        }
    }
}

/// The id is given by [`Writer::items_of`].
fn entry(log: &NewLog, received_at: i64) -> Entry<'_> {
    Entry {
        id: 0,
        device_id: log.device_id().as_str(),
        error_code: log.error_code().get(),
        timestamp: log.timestamp().get(),
        received_at,
    }
}

fn newest_first<'a>(entries: &[Entry<'a>]) -> Vec<Entry<'a>> {
    let mut entries = entries.to_vec();
    entries.sort_unstable_by_key(|log| std::cmp::Reverse((ranked_at(log.timestamp, log.received_at), log.id)));
    entries
}

/// Cut where one would become too large.
fn parts<'a, 'b>(entries: &'a [Entry<'b>]) -> Vec<&'a [Entry<'b>]> {
    let (mut parts, mut start, mut size) = (Vec::new(), 0, 0);
    for (place, log) in entries.iter().enumerate() {
        let own = log.device_id.len() + LOG_OVERHEAD;
        if size + own > MAX_PART {
            parts.push(&entries[start..place]);
            (start, size) = (place, 0);
        }
        size += own;
    }
    parts.push(&entries[start..]);
    parts
}

/// Any: so that all are used alike.
fn any_shard(shards: u16) -> u16 {
    let [one, other, ..] = Uuid::new_v4().into_bytes();
    u16::from_le_bytes([one, other]) % shards
}
