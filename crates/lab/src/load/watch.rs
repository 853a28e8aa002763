//! What is stored while clients send, and what it cost: on MySQL by the server's statistics, on DynamoDB by the functions'
//! metrics.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::figures::{median, number};
use crate::testbed::{Stored, Testbed};

pub(crate) struct Watch {
    stored: Stored,
    /// What was there at the reset: DynamoDB's table is never emptied.
    before: Before,
}

#[derive(Default)]
struct Before {
    rows: u64,
    /// MySQL: the server's time so far.
    time: Duration,
    /// DynamoDB: the functions' logs, and their lengths so far.
    logs: Vec<(PathBuf, usize)>,
}

/// The store's work per row of logs.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    /// MySQL: the server's time for the functions.
    pub(crate) database_us_per_row: Option<f64>,
    /// DynamoDB: consumed capacity.
    pub(crate) write_units_per_row: Option<f64>,
    /// DynamoDB: retried calls.
    pub(crate) retries: Option<u64>,
}

impl Cost {
    /// The median of each figure; retries are summed.
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
    /// Call it before the functions start: on DynamoDB they get a new table.
    pub(crate) async fn start(testbed: &Testbed) -> Result<Self, LabError> {
        testbed.store.wait_until_quiet().await?;
        testbed.store.clear().await?;
        let mut stored = testbed.store.stored().await?;
        if let Stored::MySql(database) = &mut stored {
            database.reset_connection_count().await?;
        }
        let logs = ["post-log", "store-logs"].map(|name| (testbed.log_file(name), 0)).into();
        let mut watch = Self { stored, before: Before { logs, ..Before::default() } };
        watch.reset().await?;
        Ok(watch)
    }

    /// From now on, nothing that was stored or done earlier counts.
    pub(crate) async fn reset(&mut self) -> Result<(), LabError> {
        if let Stored::MySql(database) = &mut self.stored {
            database.empty_tables().await?;
            self.before.time = database.statement_time().await?;
        } else {
            for (log, length) in &mut self.before.logs {
                *length = read(log).len();
            }
            self.before.rows += self.rows().await?;
        }
        Ok(())
    }

    /// The pause between two reads. On DynamoDB, each one reads the whole table.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_millis(match self.stored {
            Stored::MySql(_) => 20,
            Stored::DynamoDb(_) => 250,
        })
    }

    /// Counts the logs.
    pub(crate) async fn rows(&mut self) -> Result<u64, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.rows().await,
            Stored::DynamoDb(_) => Ok(self.read_all().await?.0),
        }
    }

    /// The same according to the ledger, where that is faster to read.
    pub(crate) async fn codes(&mut self) -> Result<u64, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.codes_in_ledger().await,
            Stored::DynamoDb(_) => self.rows().await,
        }
    }

    /// The same, and then all keys. Every counted code has its key among them.
    pub(crate) async fn codes_and_keys(&mut self) -> Result<(u64, HashSet<Vec<u8>>), LabError> {
        match &mut self.stored {
            Stored::MySql(database) => Ok((database.codes_in_ledger().await?, database.keys().await?)),
            Stored::DynamoDb(_) => self.read_all().await,
        }
    }

    async fn read_all(&mut self) -> Result<(u64, HashSet<Vec<u8>>), LabError> {
        let mut rows = 0_u64;
        let ledger = self.stored.read(|_, _| rows += 1).await?;
        Ok((rows.saturating_sub(self.before.rows), ledger.into_keys().map(String::into_bytes).collect()))
    }

    /// The highest number of simultaneous connections; `None` on DynamoDB.
    pub(crate) async fn connections(&mut self) -> Result<Option<u64>, LabError> {
        match &mut self.stored {
            Stored::MySql(database) => database.max_connections().await.map(Some),
            Stored::DynamoDb(_) => Ok(None),
        }
    }

    /// The cost of `rows` rows.
    pub(crate) async fn cost(&mut self, rows: u64) -> Result<Cost, LabError> {
        let Stored::MySql(database) = &mut self.stored else {
            let logs = self.before.logs.iter().map(|(log, from)| read(log).split_off(*from));
            return Ok(of_metrics(logs, rows));
        };
        let time = database.statement_time().await?.saturating_sub(self.before.time);
        Ok(Cost { database_us_per_row: Some(time.as_secs_f64() * 1e6 / number(rows)), ..Cost::default() })
    }
}

fn read(log: &PathBuf) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

/// The costs of a request, from its metrics for CloudWatch.
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
