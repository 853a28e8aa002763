//! One mode, one size of batch: so many clients send as fast as they are answered.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::error::LabError;
use crate::load::answer::{Counts, Tally};
use crate::load::client::{self, Open, Work};
use crate::load::plan::Plan;
use crate::load::service::{Mode, Service};
use crate::load::tables::Tables;
use crate::load::testbed::Testbed;

/// How long the last codes may take from being accepted to being stored.
const STORED_LIMIT: Duration = Duration::from_mins(1);

/// Between two looks whether all is stored.
const LOOK: Duration = Duration::from_millis(20);

/// The plan is not what is measured.
const NO_PLAN: [NonZeroU32; 2] = [NonZeroU32::MAX; 2];

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) mode: Mode,
    pub(crate) codes_per_batch: usize,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) accepted_per_second: f64,
    /// Until the last one was in the table.
    pub(crate) stored_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// All that the server did for the functions, by the rows in `Logs`.
    pub(crate) database_us_per_row: f64,
    pub(crate) connections: u64,
    pub(crate) answers: Counts,
}

pub(crate) async fn measure(
    testbed: &mut Testbed,
    plan: &Plan,
    mode: Mode,
    codes_per_batch: usize,
    batches: usize,
) -> Result<Step, LabError> {
    testbed.tables.forget_connections().await?;
    testbed.tables.empty_tables().await?;
    let service = Service::start(testbed, mode, plan.clients, NO_PLAN).await?;
    // Every environment starts, connects and prepares before anything counts.
    let warm_up = Work { clients: plan.clients, batches: 4 * plan.clients, codes_per_batch, sending: plan.sending };
    let (tally, open) = (Arc::default(), Open::default());
    client::send(&service, warm_up, &tally, &open).await?;
    wait_until_stored(&mut testbed.tables, codes_of(&tally.so_far(), codes_per_batch)).await?;
    testbed.tables.empty_tables().await?;

    let tally = Arc::<Tally>::default();
    let time_before = testbed.tables.statement_time().await?;
    let started = Instant::now();
    let work = Work { batches, ..warm_up };
    let sent = client::send(&service, work, &tally, &open).await?;
    let answers = tally.so_far();
    let accepted = codes_of(&answers, codes_per_batch);
    wait_until_stored(&mut testbed.tables, accepted).await?;
    let until_stored = started.elapsed();
    let connections = testbed.tables.most_connections().await?;
    service.stop().await;
    let statement_time = testbed.tables.statement_time_since(time_before).await?;
    let stored = testbed.tables.rows().await?;
    Ok(Step {
        mode,
        codes_per_batch,
        accepted,
        stored,
        accepted_per_second: number(accepted) / sent.took.as_secs_f64(),
        stored_per_second: number(stored) / until_stored.as_secs_f64(),
        p50_ms: number(sent.times.value_at_quantile(0.5)) / 1_000.0,
        p99_ms: number(sent.times.value_at_quantile(0.99)) / 1_000.0,
        database_us_per_row: statement_time.as_secs_f64() * 1e6 / number(stored),
        connections,
        answers,
    })
}

/// How many codes were accepted.
pub(crate) fn codes_of(answers: &Counts, codes_per_batch: usize) -> u64 {
    answers.accepted() * u64::try_from(codes_per_batch).unwrap_or(u64::MAX)
}

/// Whether they came is for the count afterwards.
async fn wait_until_stored(tables: &mut Tables, codes: u64) -> Result<(), LabError> {
    let started = Instant::now();
    while tables.codes_in_ledger().await? < codes && started.elapsed() < STORED_LIMIT {
        sleep(LOOK).await;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 codes here")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
