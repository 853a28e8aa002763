//! Reads everything that is stored, from the tables themselves.

use std::collections::HashMap;

use logs_core::Log;
use logs_core::dynamodb::{Copied, DynamoStore};

use super::boxed;
use super::database::Database;
use crate::codes::Code;
use crate::error::LabError;

pub(crate) enum Stored {
    MySql(Database),
    DynamoDb(DynamoStore),
}

/// The ledger by key. The value is the size of the batch, where the store records it.
pub(crate) type Ledger = HashMap<String, Option<u32>>;

impl Stored {
    /// Calls `each` once for every log with its id, in any order, and returns the ledger. Reads in pages, because there can
    /// be millions of logs.
    pub(crate) async fn read(&mut self, mut each: impl FnMut(u64, Code)) -> Result<Ledger, LabError> {
        match self {
            Self::MySql(database) => {
                let mut last = 0;
                loop {
                    let rows = database.logs_after(last).await?;
                    let Some((id, _)) = rows.last() else { break };
                    last = *id;
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
                    let (items, next) = boxed(store.page_to_copy(position)).await?;
                    for item in items {
                        match item {
                            Copied::Logs { logs, .. } => {
                                for log in logs {
                                    each(log.error_log_id(), code(&log));
                                }
                            }
                            Copied::Ledger(entry) => {
                                ledger.insert(entry.key.as_str().to_owned(), None);
                            }
                            Copied::Messages(keys) => ledger.extend(keys.into_iter().map(|key| (key, None))),
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
