//! What is stored while clients send, and what it costs the store: by the server's own account on MySQL, by the functions'
//! metrics on DynamoDB.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::figures::{median, number};
use crate::testbed::{Database, Stored, Testbed};

/// Looks at the store.
pub(crate) struct Watch {
    stored: Stored,
    /// What is there already: of DynamoDB's table nothing is deleted, for how much there is plays no part.
    before: u64,
    account: Account,
}

/// Since [`Watch::reset`].
enum Account {
    /// The time of all statements before.
    MySql(Duration),
    /// The functions' logs, and how long they were.
    DynamoDb(Vec<(PathBuf, usize)>),
}

/// What the store did for each row of logs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// MySQL: all that the server did for the functions.
    pub(crate) database_us_per_row: Option<f64>,
    /// DynamoDB: consumed capacity.
    pub(crate) write_units_per_row: Option<f64>,
    /// DynamoDB: calls that were tried again.
    pub(crate) retries: Option<u64>,
}

impl Cost {
    /// Of each figure by itself.
    pub(crate) fn median(costs: impl Iterator<Item = Self> + Clone) -> Self {
        let of = |figure: fn(Self) -> Option<f64>| {
            Some(median(costs.clone().filter_map(figure))).filter(|cost| !cost.is_nan())
        };
        Self {
            database_us_per_row: of(|cost| cost.database_us_per_row),
            write_units_per_row: of(|cost| cost.write_units_per_row),
            retries: costs.map(|cost| cost.retries).sum(),
        }
    }
}

impl Watch {
    /// To be started before the functions: on DynamoDB they get another table.
    pub(crate) async fn start(testbed: &Testbed) -> Result<Self, LabError> {
        testbed.store.begin_anew().await?;
        let mut stored = testbed.store.stored().await?;
        let account = match &mut stored {
            Stored::MySql(database) => {
                database.forget_connections().await?;
                Account::MySql(Duration::ZERO)
            }
            Stored::DynamoDb(_) => {
                let logs = ["post-log", "store-logs"].map(|name| (testbed.log_file(name), 0));
                Account::DynamoDb(logs.into())
            }
        };
        let mut watch = Self { stored, before: 0, account };
        watch.reset().await?;
        Ok(watch)
    }

    /// Nothing that is stored or done so far counts any more.
    pub(crate) async fn reset(&mut self) -> Result<(), LabError> {
        match (&mut self.stored, &mut self.account) {
            (Stored::MySql(database), account) => {
                database.empty_tables().await?;
                *account = Account::MySql(database.statement_time().await?);
            }
            (Stored::DynamoDb(_), account) => {
                if let Account::DynamoDb(logs) = account {
                    for (log, length) in logs {
                        *length = read(log).len();
                    }
                }
                self.before = 0;
                self.before = self.rows().await?;
            }
        }
        Ok(())
    }

    /// How long to wait between two looks: DynamoDB's table is read as a whole each time.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_millis(match self.stored {
            Stored::MySql(_) => 20,
            Stored::DynamoDb(_) => 250,
        })
    }

    /// Logs, counted one by one.
    pub(crate) async fn rows(&mut self) -> Result<u64, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.rows().await,
            Stored::DynamoDb(_) => Ok(self.read_all().await?.0),
        }
    }

    /// The same as the ledger has it, where that is quicker to read.
    pub(crate) async fn codes(&mut self) -> Result<u64, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.codes_in_ledger().await,
            Stored::DynamoDb(_) => self.rows().await,
        }
    }

    /// The same, and then the keys of all batches: whatever is counted has its key there.
    pub(crate) async fn codes_and_keys(&mut self) -> Result<(u64, HashSet<Vec<u8>>), LabError> {
        match &mut self.stored {
            Stored::MySql(database) => Ok((database.codes_in_ledger().await?, database.keys().await?)),
            Stored::DynamoDb(_) => self.read_all().await,
        }
    }

    async fn read_all(&mut self) -> Result<(u64, HashSet<Vec<u8>>), LabError> {
        let mut rows = 0_u64;
        let ledger = self.stored.read(|_, _| rows += 1).await?;
        Ok((rows.saturating_sub(self.before), ledger.into_keys().map(String::into_bytes).collect()))
    }

    /// The most connections at once, where there are any.
    pub(crate) async fn connections(&mut self) -> Result<Option<u64>, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.most_connections().await.map(Some),
            Stored::DynamoDb(_) => Ok(None),
        }
    }

    /// Of so many rows.
    pub(crate) async fn cost(&mut self, rows: u64) -> Result<Cost, LabError> {
        match (&mut self.stored, &self.account) {
            (Stored::MySql(database), Account::MySql(before)) => of_statements(database, *before, rows).await,
            (_, Account::DynamoDb(logs)) => {
                Ok(of_metrics(logs.iter().map(|(log, from)| read(log).split_off(*from)), rows))
            }
            (Stored::DynamoDb(_), Account::MySql(_)) => Ok(Cost::default()),
        }
    }
}

async fn of_statements(database: &mut Database, before: Duration, rows: u64) -> Result<Cost, LabError> {
    let time = database.statement_time().await?.saturating_sub(before);
    Ok(Cost { database_us_per_row: Some(time.as_secs_f64() * 1e6 / number(rows)), ..Cost::default() })
}

fn read(log: &PathBuf) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// What a request cost, as CloudWatch is told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metrics {
    write_units: u64,
    retries: u64,
}

fn of_metrics(logs: impl Iterator<Item = String>, rows: u64) -> Cost {
    let (mut units, mut retries) = (0, 0);
    for log in logs {
        for metrics in log.lines().filter_map(|line| serde_json::from_str::<Metrics>(line).ok()) {
            units += metrics.write_units;
            retries += metrics.retries;
        }
    }
    Cost { write_units_per_row: Some(number(units) / number(rows)), retries: Some(retries), ..Cost::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_retries_are_summed_over_the_metrics_of_all_functions() {
        let line = r#"{"_aws":{},"WriteUnits":6,"ReadUnits":0,"Throttles":0,"Conflicts":0,"Retries":1}"#;
        let logs = [format!("{{\"level\":\"WARN\"}}\n{line}\n"), format!("{line}\nno JSON")];
        let cost = of_metrics(logs.into_iter(), 24);
        assert!(cost.write_units_per_row.is_some_and(|units| (units - 0.5).abs() < f64::EPSILON), "{cost:?}");
        assert_eq!(cost.retries, Some(2));
    }
}
