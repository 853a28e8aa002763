//! As many codes as clients can send, in queued mode, on the usage plan of prod: what waits in the queue, and how late it
//! is stored.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::error::LabError;
use crate::load::answer::{Counts, Tally};
use crate::load::client::{self, Open, Work, lock};
use crate::load::plan;
use crate::load::service::{Mode, Service};
use crate::load::step::{codes_of, number};
use crate::load::testbed::Testbed;

/// postLogRate and postLogBurst of prod in serverless.yml: requests a second, and at once.
const PLAN: [u32; 2] = [500, 1_000];

/// A burst that is not stored by then never will be.
const LIMIT: Duration = Duration::from_mins(3);

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Burst {
    /// Codes that were to be sent.
    pub(crate) codes: u64,
    pub(crate) codes_per_batch: usize,
    pub(crate) clients: usize,
    pub(crate) environments: usize,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) seconds_until_accepted: f64,
    pub(crate) seconds_until_stored: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// The most messages that waited or were being stored.
    pub(crate) largest_backlog: usize,
    /// How old the oldest batch was that was accepted and not stored: the worst of all looks.
    pub(crate) worst_lag_seconds: f64,
    pub(crate) connections: u64,
    pub(crate) answers: Counts,
    pub(crate) samples: Vec<Sample>,
}

/// One look, so many seconds after the first batch was sent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) second: f64,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) backlog: usize,
    pub(crate) lag_seconds: f64,
}

pub(crate) async fn measure(testbed: &mut Testbed, plan: plan::Burst) -> Result<Burst, LabError> {
    testbed.tables.forget_connections().await?;
    testbed.tables.empty_tables().await?;
    let usage_plan = PLAN.map(|limit| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN));
    // No warm-up: a burst meets cold environments.
    let service = Service::start(testbed, Mode::Queued, plan.environments, usage_plan).await?;
    let work =
        Work { clients: plan.clients, batches: plan.batches, codes_per_batch: plan.codes_per_batch, sending: LIMIT };
    let (tally, open) = (Arc::<Tally>::default(), Open::default());
    let started = Instant::now();
    let mut looks = interval(plan.sampling);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    let mut sending = Box::pin(client::send(&service, work, &tally, &open));
    let mut sent = None;
    loop {
        tokio::select! {
            outcome = &mut sending, if sent.is_none() => sent = Some(outcome?),
            _ = looks.tick() => {
                let accepted = codes_of(&tally.so_far(), plan.codes_per_batch);
                let sample = look(testbed, &open, accepted, started).await?;
                samples.push(sample);
                if sent.is_some() && (sample.stored >= sample.accepted || started.elapsed() > LIMIT) {
                    break;
                }
            }
        }
    }
    let connections = testbed.tables.most_connections().await?;
    drop(sending);
    service.stop().await;
    let answers = tally.so_far();
    let (times, took) = sent.map_or((None, Duration::ZERO), |sent| (Some(sent.times), sent.took));
    let quantile = |quantile| times.as_ref().map_or(0.0, |times| number(times.value_at_quantile(quantile)) / 1_000.0);
    Ok(Burst {
        codes: u64::try_from(plan.batches * plan.codes_per_batch).unwrap_or(u64::MAX),
        codes_per_batch: plan.codes_per_batch,
        clients: plan.clients,
        environments: plan.environments,
        accepted: codes_of(&answers, plan.codes_per_batch),
        stored: testbed.tables.rows().await?,
        seconds_until_accepted: took.as_secs_f64(),
        seconds_until_stored: samples.last().map_or(0.0, |sample| sample.second),
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        largest_backlog: samples.iter().map(|sample| sample.backlog).max().unwrap_or_default(),
        worst_lag_seconds: samples.iter().map(|sample| sample.lag_seconds).fold(0.0, f64::max),
        connections,
        answers,
        samples,
    })
}

async fn look(testbed: &mut Testbed, open: &Open, accepted: u64, started: Instant) -> Result<Sample, LabError> {
    let backlog = testbed.queue.depth().await?.all();
    // In this order: whatever is counted as stored has its key in the list.
    let stored = testbed.tables.codes_in_ledger().await?;
    let keys = testbed.tables.keys().await?;
    let oldest = {
        let mut open = lock(open);
        open.retain(|key, _| !keys.contains(key.as_bytes()));
        open.values().min().copied()
    };
    let lag_seconds = oldest.map_or(0.0, |oldest| oldest.elapsed().as_secs_f64());
    Ok(Sample { second: started.elapsed().as_secs_f64(), accepted, stored, backlog, lag_seconds })
}
