//! What the functions call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use uuid::Uuid;

use super::error::{Failure, TableError};
use super::reading::{Found, read};
use super::settings::TableSettings;
use super::table::Table;
use super::writing::Writer;
use super::{ledger, messages};
use crate::metrics::Metric;
use crate::{Deadline, InsertOutcome, Message, MessageReport, MostRecent, NewBatch, NewLog, Query, StoreError, clock};

/// The limit for the call ahead of the first event. Lambda gives a cold start 10 s.
const WARM_UP_LIMIT: Duration = Duration::from_secs(3);

/// The store on DynamoDB.
#[derive(Debug)]
pub struct DynamoStore {
    pub(super) table: Arc<Table>,
    pub(super) settings: TableSettings,
    pub(super) writer: Writer,
    /// How many shards a GET asks.
    shards: AtomicU16,
}

impl DynamoStore {
    /// A store that has sent nothing yet.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(settings: TableSettings) -> Result<Self, StoreError> {
        let table = Table::new(&settings.name);
        Self::on(table, settings)
    }

    /// The same at an endpoint that takes any credentials, like the local one.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn at(url: &str, settings: TableSettings) -> Result<Self, StoreError> {
        let table = Table::at(&settings.name, url);
        Self::on(table, settings)
    }

    fn on(table: Result<Table, TableError>, settings: TableSettings) -> Result<Self, StoreError> {
        let table = Arc::new(table.map_err(|error| StoreError::NotStored(error.into()))?);
        let shards = AtomicU16::new(settings.shards);
        Ok(Self { table, settings, writer: Writer::new(), shards })
    }

    /// Draws ids ahead of the first event. A table that is away, or refuses, is only logged.
    pub async fn warm_up_to_write(&self) {
        let deadline = Deadline::within(WARM_UP_LIMIT);
        report(self.writer.warm_up(&self.table, &self.settings, deadline).await.map_err(Into::into));
    }

    /// Reads the list ahead of the first event, which opens a connection for each shard. Likewise.
    pub async fn warm_up_to_read(&self) {
        report(self.find(&Query::default(), Deadline::within(WARM_UP_LIMIT)).await.map(drop));
    }

    /// What the calls cost and what went wrong, since the last time.
    pub fn take_metrics(&self) -> Vec<Metric> {
        self.table.usage.take()
    }

    /// One put, or one transaction if there are more logs than a list has.
    pub(crate) async fn insert(&self, logs: &[NewLog], received_at: i64, deadline: Deadline) -> Result<(), StoreError> {
        let logs: Vec<_> = logs.iter().map(|log| (log, received_at)).collect();
        let items = self.writer.items(&self.table, &self.settings, &logs, deadline).await.map_err(not_begun)?;
        self.table.put_all(items, deadline).await?;
        self.writer.stored(&self.table, self.settings.shards, received_at, deadline).await;
        Ok(())
    }

    /// One transaction: the ledger item and the logs.
    pub(crate) async fn insert_once(
        &self,
        batch: NewBatch<'_>,
        deadline: Deadline,
    ) -> Result<InsertOutcome, StoreError> {
        let request = Uuid::new_v4().into_bytes();
        let logs: Vec<_> = batch.logs.iter().map(|log| (log, batch.received_at)).collect();
        let items = self.writer.items(&self.table, &self.settings, &logs, deadline).await.map_err(not_begun)?;
        let entry = ledger::entry(&batch, &request, &self.settings);
        let outcome = ledger::insert_once(&self.table, &batch, &request, entry, items, deadline).await?;
        if outcome == InsertOutcome::Inserted {
            self.writer.stored(&self.table, self.settings.shards, batch.received_at, deadline).await;
        }
        Ok(outcome)
    }

    /// One read.
    pub(crate) async fn find_batch(
        &self,
        batch: NewBatch<'_>,
        deadline: Deadline,
    ) -> Result<Option<InsertOutcome>, StoreError> {
        // Of no request: this one stores nothing.
        Ok(ledger::outcome(&self.table, &batch, &[0; 16], None, deadline).await?)
    }

    /// Few large transactions.
    pub(crate) async fn insert_messages(&self, messages: Vec<Message>, deadline: Deadline) -> MessageReport {
        messages::insert(self, messages, deadline).await
    }

    /// All shards at once. If a writer uses more of them than this environment knows, those as well.
    pub(crate) async fn find(&self, query: &Query, deadline: Deadline) -> Result<MostRecent, StoreError> {
        if !query.is_of_all() {
            return Err(StoreError::NotSupported("this stage lists the most recent logs of all devices only"));
        }
        if query.limit > MostRecent::LIMIT {
            return Err(StoreError::NotSupported("this stage lists 10 logs at most"));
        }
        let mut found = Found::default();
        let known = self.shards.load(Ordering::Relaxed);
        read(&self.table, 0..known, &mut found, deadline).await?;
        if found.shards > known {
            let all = found.shards;
            self.shards.fetch_max(all, Ordering::Relaxed);
            read(&self.table, known..all, &mut found, deadline).await?;
        }
        Ok(found.most_recent(query.limit, &self.settings, clock::unix_seconds()))
    }
}

/// Ids could not be drawn: nothing of the batch was sent.
pub(super) fn not_begun(failure: Failure) -> StoreError {
    Failure { ambiguous: false, ..failure }.into()
}

fn report(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "starting without the table; the next event tries again");
    }
}
