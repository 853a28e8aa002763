//! What is stored, read from the tables themselves.

use std::collections::HashMap;
use std::pin::Pin;

use logs_core::dynamodb::{Copied, DynamoStore, Position};
use logs_core::{Log, StoreError};

use super::database::Database;
use crate::codes::Code;
use crate::error::LabError;

/// A store that is read as a whole.
pub(crate) enum Stored {
    MySql(Database),
    DynamoDb(DynamoStore),
}

/// The ledger: each key, and how many codes its batch has where the store notes that.
pub(crate) type Ledger = HashMap<String, Option<u32>>;

/// Boxed to keep the SDK's large types out of every caller's future.
type Page<'a> = Pin<Box<dyn Future<Output = Result<(Vec<Copied>, Option<Position>), StoreError>> + 'a>>;

impl Stored {
    /// Shows each log with its id once, in no order, and gives the ledger. Never all logs at once: they can be millions.
    pub(crate) async fn read(&mut self, mut each: impl FnMut(u64, Code)) -> Result<Ledger, LabError> {
        match self {
            Self::MySql(database) => {
                let mut place = 0;
                loop {
                    let rows = database.logs_after(place).await?;
                    let Some((last, _)) = rows.last() else { break };
                    place = *last;
                    for (id, code) in rows {
                        each(id, code);
                    }
                }
                let ledger = database.ledger().await?;
                Ok(ledger.into_iter().map(|(key, accepted)| (key, Some(accepted))).collect())
            }
            Self::DynamoDb(store) => {
                let (mut ledger, mut position) = (Ledger::new(), None);
                loop {
                    let page: Page<'_> = Box::pin(store.page_to_copy(position));
                    let (items, next) = page.await?;
                    for item in items {
                        match item {
                            Copied::Logs(_, logs) => {
                                for log in logs {
                                    each(log.error_log_id(), code(&log));
                                }
                            }
                            Copied::Ledger(entry) => {
                                ledger.insert(entry.key.as_str().to_owned(), None);
                            }
                        }
                    }
                    position = next;
                    if position.is_none() {
                        return Ok(ledger);
                    }
                }
            }
        }
    }
}

fn code(log: &Log) -> Code {
    Code { device_id: log.device_id().to_owned(), err: log.error_code(), timestamp: log.timestamp() }
}
