//! store-logs alone, driven over the Runtime API, against the bare statement on as many connections: in turn, on empty
//! tables.

use std::sync::Arc;
use std::time::Duration;

use crate::baseline::{BareConnection, BareInsert};
use local::lambda::Environment;
use logs_core::MAX_RECORDS;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::error::LabError;
use crate::load::codes::timestamp;
use crate::load::events;
use crate::load::plan::{self, EventSize};
use crate::load::step::number;
use crate::load::testbed::Testbed;
use crate::process::peak_memory;

/// More than in production: an event is measured whole, however slow the machine.
const TIMEOUT: Duration = Duration::from_mins(2);

/// An event of one message, with which store-logs connects.
const WARM_UP: EventSize = EventSize { messages: 1, codes: 1 };

/// The medians of one size of event on so many connections.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) messages: usize,
    pub(crate) codes_per_message: usize,
    pub(crate) event_megabytes: f64,
    pub(crate) connections: usize,
    pub(crate) store_logs: Speed,
    pub(crate) bare_statement: Speed,
    /// store-logs' rows of `Logs` a second by the bare statement's: the median of the rounds.
    pub(crate) ratio: f64,
    /// The same with store-logs' rows of the ledger, one for each message.
    pub(crate) ratio_with_ledger: f64,
    /// The most memory that an environment ever had, in megabytes of 1,000,000 bytes.
    pub(crate) peak_megabytes: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Speed {
    /// Of `Logs`; the ledger's are not counted.
    pub(crate) rows_per_second: f64,
    /// All that the server did for it, by the rows in `Logs`.
    pub(crate) database_us_per_row: f64,
}

/// All sizes of events, each on one connection and on more.
pub(crate) async fn measure(testbed: &mut Testbed, plan: plan::Consumer) -> Result<Vec<Comparison>, LabError> {
    let mut comparisons = Vec::new();
    for size in plan.events {
        for connections in plan.connections {
            comparisons.push(compare(testbed, plan.rounds, size, connections).await?);
        }
    }
    Ok(comparisons)
}

async fn compare(
    testbed: &mut Testbed,
    rounds: usize,
    size: EventSize,
    connections: usize,
) -> Result<Comparison, LabError> {
    let mut environments = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..connections {
        environments.push(Environment::start(&testbed.store_logs(1, TIMEOUT)).await?);
        bare.push(BareConnection::connect(&testbed.database_url()).await?);
    }
    let insert = Arc::new(BareInsert::new((0..MAX_RECORDS).map(timestamp)));
    let rows = size.messages * size.codes;
    // Connected and prepared, both.
    store(testbed, &mut environments, WARM_UP).await?;
    insert_bare(&mut bare, &insert, 1).await?;
    let (mut stored, mut inserted) = (Vec::new(), Vec::new());
    let mut event_megabytes = 0.0;
    for round in 0..rounds {
        // Whoever comes first changes from round to round.
        for is_bare in [round % 2 == 0, round % 2 != 0] {
            testbed.tables.empty_tables().await?;
            let time_before = testbed.tables.statement_time().await?;
            let took = if is_bare {
                insert_bare(&mut bare, &insert, rows).await?
            } else {
                let (took, bytes) = store(testbed, &mut environments, size).await?;
                event_megabytes = number(u64::try_from(bytes).unwrap_or(u64::MAX)) / 1e6;
                took
            };
            let statement_time = testbed.tables.statement_time_since(time_before).await?;
            let count = number(testbed.tables.rows().await?);
            let speed = Speed {
                rows_per_second: count / took.as_secs_f64(),
                database_us_per_row: statement_time.as_secs_f64() * 1e6 / count,
            };
            if is_bare { inserted.push(speed) } else { stored.push(speed) }
        }
    }
    let mut peak_megabytes: f64 = 0.0;
    for environment in environments {
        peak_megabytes = peak_megabytes.max(peak_memory("store-logs", &environment)?);
        environment.stop().await;
    }
    // Of the two in one round: what else the machine does changes from round to round.
    let ratio = median(stored.iter().zip(&inserted).map(|(one, other)| one.rows_per_second / other.rows_per_second));
    let rows_per_code = 1.0 + 1.0 / number(u64::try_from(size.codes).unwrap_or(u64::MAX));
    Ok(Comparison {
        messages: size.messages,
        codes_per_message: size.codes,
        event_megabytes,
        connections,
        store_logs: Speed::median(&stored),
        bare_statement: Speed::median(&inserted),
        ratio,
        ratio_with_ledger: ratio * rows_per_code,
        peak_megabytes,
    })
}

/// An event for each environment at once; how long until the last answer, and how many bytes an event has. Making the
/// events is left out.
async fn store(
    testbed: &Testbed,
    environments: &mut Vec<Environment>,
    size: EventSize,
) -> Result<(Duration, usize), LabError> {
    let mut ready = Vec::new();
    for environment in environments.drain(..) {
        ready.push((environment, events::event(size)?));
    }
    let bytes = ready.first().map_or(0, |(_, event)| event.len());
    let mut running = JoinSet::new();
    let started = Instant::now();
    for (environment, event) in ready {
        running.spawn(async move {
            let answer = environment.invoke(&uuid::Uuid::new_v4().to_string(), event.into()).await;
            (environment, answer)
        });
    }
    let answers = running.join_all().await;
    let took = started.elapsed();
    for (environment, answer) in answers {
        environments.push(environment);
        let answer = answer.map_err(|error| LabError::Invoke {
            function: "store-logs",
            error,
            log: format!("is in {}", testbed.store_logs(1, TIMEOUT).log_file.display()),
        })?;
        let answer = String::from_utf8_lossy(&answer);
        if answer != r#"{"batchItemFailures":[]}"# {
            return Err(LabError::NotStored(answer.chars().take(300).collect()));
        }
    }
    Ok((took, bytes))
}

/// So many rows on each connection at once; how long until the last one was through.
async fn insert_bare(
    connections: &mut Vec<BareConnection>,
    insert: &Arc<BareInsert>,
    rows: usize,
) -> Result<Duration, LabError> {
    let mut running = JoinSet::new();
    let started = Instant::now();
    for mut connection in connections.drain(..) {
        let insert = insert.clone();
        running.spawn(async move {
            for _ in 0..rows.div_ceil(MAX_RECORDS) {
                connection.insert(&insert).await?;
            }
            Ok::<_, sqlx::Error>(connection)
        });
    }
    for connection in running.join_all().await {
        connections.push(connection?);
    }
    Ok(started.elapsed())
}

impl Speed {
    /// Of each figure by itself.
    fn median(speeds: &[Self]) -> Self {
        Self {
            rows_per_second: median(speeds.iter().map(|speed| speed.rows_per_second)),
            database_us_per_row: median(speeds.iter().map(|speed| speed.database_us_per_row)),
        }
    }
}

/// No number where there are none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert!((median([3.0, 900.0, 1.0].into_iter()) - 3.0).abs() < f64::EPSILON);
        assert!(median(std::iter::empty()).is_nan());
    }
}
