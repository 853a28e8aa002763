//! store-logs alone, driven over the Runtime API. On MySQL in turns with the bare statement, on as many connections and
//! on empty tables.

use std::sync::Arc;
use std::time::Duration;

use local::lambda::Environment;
use logs_core::{MAX_RECORDS, clock};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::baseline::{BareConnection, BareInsert};
use crate::codes::collected;
use crate::error::LabError;
use crate::figures::{median, number, whole};
use crate::load::events;
use crate::load::mode::store_logs;
use crate::load::plan::{EventSize, Plan};
use crate::load::watch::{Cost, Watch};
use crate::testbed::{Store, Testbed, peak_memory};

/// Longer than in production, so that even a slow machine finishes each event.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The event with which store-logs connects.
const WARM_UP: EventSize = EventSize { messages: 1, codes: 1 };

/// The medians for one size of event on `connections` connections.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) messages: usize,
    pub(crate) codes_per_message: usize,
    pub(crate) event_megabytes: f64,
    /// Of the bare statement, and environments of store-logs.
    pub(crate) connections: usize,
    pub(crate) store_logs: Speed,
    /// MySQL only, like the ratios.
    pub(crate) bare_statement: Option<Speed>,
    /// The rows per second of store-logs, divided by those of the bare statement. The median of the rounds.
    pub(crate) ratio: Option<f64>,
    /// The same, counting also the ledger rows of store-logs, one per message.
    pub(crate) ratio_with_ledger: Option<f64>,
    /// The peak memory of an environment, in megabytes of 1,000,000 bytes.
    pub(crate) peak_megabytes: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Speed {
    /// Rows of `Logs`, without the ledger's.
    pub(crate) rows_per_second: f64,
    #[serde(flatten)]
    pub(crate) cost: Cost,
}

/// Measures each size of event, on one connection and on more.
pub(crate) async fn measure(testbed: &Testbed, plan: &Plan) -> Result<Vec<Comparison>, LabError> {
    let mut comparisons = Vec::new();
    for size in plan.events {
        for connections in plan.connections {
            comparisons.push(Sides::start(testbed, size, connections).await?.compare(plan.rounds).await?);
        }
    }
    Ok(comparisons)
}

/// The two sides of a comparison.
struct Sides {
    watch: Watch,
    size: EventSize,
    environments: Vec<Environment>,
    bare: Vec<BareConnection>,
    insert: Arc<BareInsert>,
    log: String,
}

impl Sides {
    async fn start(testbed: &Testbed, size: EventSize, connections: usize) -> Result<Self, LabError> {
        let watch = Watch::start(testbed).await?;
        let config = store_logs(testbed, TIMEOUT, 1);
        let (mut environments, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..connections {
            environments.push(Environment::start(&config).await?);
            if let Store::MySql(mysql) = &testbed.store {
                bare.push(BareConnection::connect(&mysql.user_url()).await?);
            }
        }
        let insert = Arc::new(BareInsert::new(collected(MAX_RECORDS, clock::unix_seconds())));
        let log = format!("is in {}", config.log_file.display());
        Ok(Self { watch, size, environments, bare, insert, log })
    }

    async fn compare(mut self, rounds: usize) -> Result<Comparison, LabError> {
        // Both sides connect and prepare their statements.
        self.store(WARM_UP).await?;
        self.insert(1).await?;
        let EventSize { messages, codes } = self.size;
        let (mut stored, mut inserted) = (Vec::new(), Vec::new());
        let expected = whole(self.environments.len() * messages * codes);
        let mut event_megabytes = 0.0;
        for round in 0..rounds {
            // The sides take turns in going first.
            for is_bare in [round % 2 == 0, round % 2 != 0] {
                if is_bare && self.bare.is_empty() {
                    continue;
                }
                self.watch.reset().await?;
                let took = if is_bare {
                    self.insert(messages * codes).await?
                } else {
                    let (took, bytes) = self.store(self.size).await?;
                    event_megabytes = number(bytes) / 1e6;
                    took
                };
                let rows = self.watch.rows().await?;
                // The bare INSERT rounds up to full batches.
                if !is_bare && rows != expected {
                    return Err(format!("{rows} rows are stored where {expected} should be").into());
                }
                let cost = self.watch.cost(rows).await?;
                let speed = Speed { rows_per_second: number(rows) / took.as_secs_f64(), cost };
                if is_bare { &mut inserted } else { &mut stored }.push(speed);
            }
        }
        let connections = self.environments.len();
        let peak_megabytes = self.stop().await?;
        // Within one round, because the machine's other load changes from round to round.
        let ratios = stored.iter().zip(&inserted).map(|(one, other)| one.rows_per_second / other.rows_per_second);
        let ratio = (!inserted.is_empty()).then(|| median(ratios));
        Ok(Comparison {
            messages,
            codes_per_message: codes,
            event_megabytes,
            connections,
            store_logs: Speed::median(&stored),
            bare_statement: (!inserted.is_empty()).then(|| Speed::median(&inserted)),
            ratio,
            ratio_with_ledger: ratio.map(|ratio| ratio * (1.0 + 1.0 / number(codes))),
            peak_megabytes,
        })
    }

    /// Sends one event to each environment at once. Returns the time until the last answer, without building the events, and
    /// the size of an event in bytes.
    async fn store(&mut self, size: EventSize) -> Result<(Duration, usize), LabError> {
        let events = self.environments.iter().map(|_| events::event(size)).collect::<Result<Vec<_>, _>>()?;
        let bytes = events.first().map_or(0, Vec::len);
        let started = Instant::now();
        let running: JoinSet<_> = std::iter::zip(self.environments.drain(..), events)
            .map(|(environment, event)| {
                let log = self.log.clone();
                async move {
                    let stored = events::hand_over(&environment, event, &log).await;
                    (environment, stored)
                }
            })
            .collect();
        let answers = running.join_all().await;
        let took = started.elapsed();
        for (environment, stored) in answers {
            self.environments.push(environment);
            stored?;
        }
        Ok((took, bytes))
    }

    /// Inserts `rows` rows on each connection at once. Returns the time until the last connection is done.
    async fn insert(&mut self, rows: usize) -> Result<Duration, LabError> {
        let started = Instant::now();
        let mut running = JoinSet::new();
        for mut connection in self.bare.drain(..) {
            let insert = self.insert.clone();
            running.spawn(async move {
                for _ in 0..rows.div_ceil(MAX_RECORDS) {
                    connection.insert(&insert).await?;
                }
                Ok::<_, sqlx::Error>(connection)
            });
        }
        for connection in running.join_all().await {
            self.bare.push(connection?);
        }
        Ok(started.elapsed())
    }

    /// Returns the peak memory of the largest environment, in megabytes.
    async fn stop(self) -> Result<f64, LabError> {
        let mut peak: f64 = 0.0;
        for environment in self.environments {
            peak = peak.max(peak_memory(&environment, "store-logs")?);
            environment.stop().await;
        }
        Ok(peak)
    }
}

impl Speed {
    /// The median of each figure.
    fn median(speeds: &[Self]) -> Self {
        Self {
            rows_per_second: median(speeds.iter().map(|speed| speed.rows_per_second)),
            cost: Cost::median(speeds.iter().map(|speed| speed.cost)),
        }
    }
}
