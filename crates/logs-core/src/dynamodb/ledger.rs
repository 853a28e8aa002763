//! A batch under an idempotency key: its ledger item and its logs, in one transaction.

use super::error::{Failure, TableError};
use super::items::{Earlier, Item, RequestNumber, compare, ledger_item, ledger_key};
use super::settings::TableSettings;
use super::table::{NewItem, Table};
use crate::{Deadline, InsertOutcome, NewBatch};

/// The ledger item of a batch, which must be new.
pub(super) fn entry(batch: &NewBatch<'_>, request: &RequestNumber, settings: &TableSettings) -> NewItem {
    NewItem::PutNew(ledger_item(batch, request, settings.ledger_expires_at(batch.received_at)))
}

/// Stores the items of a batch with its ledger item, unless the ledger has the key. If the answer to a try was lost, the next
/// one finds the key, and the ledger tells whose it is.
pub(super) async fn insert_once(
    table: &Table,
    batch: &NewBatch<'_>,
    request: &RequestNumber,
    ledger: NewItem,
    logs: Vec<NewItem>,
    deadline: Deadline,
) -> Result<InsertOutcome, Failure> {
    let items: Vec<NewItem> = std::iter::once(ledger).chain(logs).collect();
    let mut ambiguous = false;
    loop {
        let failure = match table.put_all(items.clone(), deadline).await {
            Ok(()) => return Ok(InsertOutcome::Inserted),
            Err(failure) => failure,
        };
        ambiguous |= failure.ambiguous;
        let found = match failure.error {
            TableError::Condition(found) => found.into_iter().next().and_then(|one| one.item),
            TableError::Conflict(_) if !ambiguous => return Ok(InsertOutcome::KeyInFlight),
            error => return Err(Failure { error, ambiguous }),
        };
        match outcome(table, batch, request, found, deadline).await {
            Ok(Some(outcome)) => return Ok(outcome),
            // It expired in between.
            Ok(None) if !deadline.remaining().is_zero() => {}
            Ok(None) => return Ok(InsertOutcome::KeyInFlight),
            Err(Failure { error, .. }) => return Err(Failure { error, ambiguous }),
        }
    }
}

/// What the ledger says of a batch: the item that a transaction has met, or else the one that is there.
pub(super) async fn outcome(
    table: &Table,
    batch: &NewBatch<'_>,
    request: &RequestNumber,
    found: Option<Item>,
    deadline: Deadline,
) -> Result<Option<InsertOutcome>, Failure> {
    let item = match found {
        Some(item) => Some(item),
        None => table.get(ledger_key(batch.key.as_str()), deadline).await?,
    };
    Ok(item.map(|item| match compare(&item, batch.fingerprint, request) {
        Earlier::Own => InsertOutcome::Inserted,
        Earlier::Same => InsertOutcome::AlreadyInserted,
        Earlier::Other => InsertOutcome::KeyConflict,
    }))
}
