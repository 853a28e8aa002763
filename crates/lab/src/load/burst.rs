//! A burst in queued mode, with the usage plan of prod: clients send as fast as they can. Measures the backlog in the
//! queue, and how late codes are stored.

use std::num::NonZeroU32;
use std::time::Duration;

use local::gateway::UsagePlan;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::Counts;
use crate::error::LabError;
use crate::figures::whole;
use crate::load::client::{self, Ledger, Work};
use crate::load::mode::{Mode, Running};
use crate::load::plan;
use crate::load::watch::Watch;
use crate::testbed::{Queue, Testbed};

/// postLogRate and postLogBurst of prod in serverless.yml: requests per second, and at once.
const PLAN: [u32; 2] = [500, 1_000];

/// When to stop waiting for the burst to be stored.
const LIMIT: Duration = Duration::from_mins(3);

#[derive(Debug, Serialize)]
pub(crate) struct Burst {
    /// The codes that the clients set out to send.
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
    /// The maximum number of messages in the queue, waiting or in flight.
    pub(crate) largest_backlog: usize,
    /// The maximum age of an accepted batch that was not yet stored.
    pub(crate) worst_lag_seconds: f64,
    /// MySQL only.
    pub(crate) connections: Option<u64>,
    pub(crate) answers: Counts,
    pub(crate) samples: Vec<Sample>,
}

/// One sample, `second` seconds after the first batch was sent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) second: f64,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) backlog: usize,
    pub(crate) lag_seconds: f64,
}

pub(crate) async fn measure(testbed: &Testbed, queue: &Queue, plan: plan::Burst) -> Result<Burst, LabError> {
    let plan::Burst { batches, codes_per_batch, clients, environments, sampling } = plan;
    let mut watch = Watch::start(testbed).await?;
    let [rate, burst] = PLAN.map(|limit| NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN));
    // No warm-up: a burst meets cold environments.
    let running = Running::start(testbed, queue, Mode::Queued, environments, UsagePlan::new(rate, burst)).await?;
    let ledger = Ledger::default();
    let work = Work { clients, batches, codes_per_batch, sending: LIMIT };
    let started = Instant::now();
    let mut looks = interval(sampling);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = Vec::new();
    let mut sending = Box::pin(client::send(&running, work, &ledger));
    let mut sent = None;
    let sent = loop {
        tokio::select! {
            outcome = &mut sending, if sent.is_none() => sent = Some(outcome?),
            _ = looks.tick() => {
                let accepted = ledger.codes(codes_per_batch);
                let sample = sample(&mut watch, queue, &ledger, accepted, started).await?;
                samples.push(sample);
                if let Some(sent) = sent.take_if(|_| sample.stored >= sample.accepted || started.elapsed() > LIMIT) {
                    break sent;
                }
            }
        }
    };
    drop(sending);
    let connections = watch.connections().await?;
    running.stop().await;
    Ok(Burst {
        codes: whole(batches * codes_per_batch),
        codes_per_batch,
        clients,
        environments,
        accepted: ledger.codes(codes_per_batch),
        stored: watch.rows().await?,
        seconds_until_accepted: sent.took.as_secs_f64(),
        seconds_until_stored: samples.last().map_or(0.0, |sample| sample.second),
        p50_ms: sent.milliseconds(0.5),
        p99_ms: sent.milliseconds(0.99),
        largest_backlog: samples.iter().map(|sample| sample.backlog).max().unwrap_or_default(),
        worst_lag_seconds: samples.iter().map(|sample| sample.lag_seconds).fold(0.0, f64::max),
        connections,
        answers: ledger.answers(),
        samples,
    })
}

async fn sample(
    watch: &mut Watch,
    queue: &Queue,
    ledger: &Ledger,
    accepted: u64,
    started: Instant,
) -> Result<Sample, LabError> {
    let backlog = queue.queues.queue.depth().await?.all();
    let (stored, keys) = watch.codes_and_keys().await?;
    let oldest = {
        let mut open = ledger.open();
        open.retain(|key, _| !keys.contains(key.as_bytes()));
        open.values().min().copied()
    };
    let lag_seconds = oldest.map_or(0.0, |oldest| oldest.elapsed().as_secs_f64());
    Ok(Sample { second: started.elapsed().as_secs_f64(), accepted, stored, backlog, lag_seconds })
}
