//! One step: one mode and one size of batch, with clients that send as fast as they are answered.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::client::Counts;
use crate::error::LabError;
use crate::figures::number;
use crate::load::client::{self, Ledger, Work};
use crate::load::mode::{Mode, Running};
use crate::load::plan::Plan;
use crate::load::watch::{Cost, Watch};
use crate::testbed::{Queue, Testbed, unlimited};

/// How long the last accepted codes may take to be stored.
const STORED_LIMIT: Duration = Duration::from_mins(1);

#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) mode: Mode,
    pub(crate) codes_per_batch: usize,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) accepted_per_second: f64,
    /// Over the time until the last code was in the table.
    pub(crate) stored_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    #[serde(flatten)]
    pub(crate) cost: Cost,
    /// MySQL only.
    pub(crate) connections: Option<u64>,
    pub(crate) answers: Counts,
}

pub(crate) async fn measure(
    testbed: &Testbed,
    queue: &Queue,
    plan: &Plan,
    mode: Mode,
    codes_per_batch: usize,
    batches: usize,
) -> Result<Step, LabError> {
    let mut watch = Watch::start(testbed).await?;
    // Throttling is not measured here.
    let running = Running::start(testbed, queue, mode, plan.clients, unlimited()).await?;
    // Warm-up: every environment starts, connects and prepares its statements.
    let warm_up = Work { clients: plan.clients, batches: 4 * plan.clients, codes_per_batch, sending: plan.sending };
    let ledger = Ledger::default();
    client::send(&running, warm_up, &ledger).await?;
    wait_until_stored(&mut watch, ledger.codes(codes_per_batch)).await?;
    watch.reset().await?;

    let ledger = Ledger::default();
    let started = Instant::now();
    let sent = client::send(&running, Work { batches, ..warm_up }, &ledger).await?;
    let accepted = ledger.codes(codes_per_batch);
    wait_until_stored(&mut watch, accepted).await?;
    let until_stored = started.elapsed();
    let connections = watch.connections().await?;
    running.stop().await;
    let stored = watch.rows().await?;
    let cost = watch.cost(stored).await?;
    Ok(Step {
        mode,
        codes_per_batch,
        accepted,
        stored,
        accepted_per_second: number(accepted) / sent.took.as_secs_f64(),
        stored_per_second: number(stored) / until_stored.as_secs_f64(),
        p50_ms: sent.milliseconds(0.5),
        p99_ms: sent.milliseconds(0.99),
        cost,
        connections,
        answers: ledger.answers(),
    })
}

/// Gives up silently: the report compares the counts.
async fn wait_until_stored(watch: &mut Watch, codes: u64) -> Result<(), LabError> {
    let started = Instant::now();
    while watch.codes().await? < codes && started.elapsed() < STORED_LIMIT {
        sleep(watch.pause()).await;
    }
    Ok(())
}
