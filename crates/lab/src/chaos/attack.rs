//! Runs the clients and injects the faults, one at a time. Then stops everything and counts.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use local::fault_proxy::FaultProxy;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::chaos::batch::Batches;
use crate::chaos::client::{self, Acknowledged, Client, Phase, Settled};
use crate::chaos::fault::{Kind, Schedule};
use crate::chaos::report::{Injected, Report, Run};
use crate::chaos::target::Target;
use crate::chaos::{count, inject, recovery};
use crate::client::Tally;
use crate::error::{LabError, SeeLogs};
use crate::testbed::Testbed;

/// How long the clients may take to settle their batches after the last fault.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// The choices on the command line.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) seconds: u64,
    /// Through a queue.
    pub(crate) queued: bool,
    /// Only these kinds; all, if empty.
    pub(crate) kinds: Vec<Kind>,
}

pub(crate) async fn run(testbed: &mut Testbed, plan: &Plan) -> Result<Report, LabError> {
    let mut target = Target::start(testbed, plan.clients, plan.queued).await?;
    let mut random = Rng::with_seed(plan.seed);
    let schedule = Schedule::new(random.fork(), &plan.kinds, testbed.store.kind(), plan.queued);
    let (phase, follow) = watch::channel(Phase::Sending);
    let (acknowledged, mut served) = mpsc::unbounded_channel();
    let tally = Arc::new(Tally::default());
    let client = Client {
        api: target.service.client()?,
        queued: plan.queued,
        tally: Arc::clone(&tally),
        phase: follow,
        acknowledged,
    };
    let mut clients = JoinSet::new();
    for id in 0..plan.clients {
        let batches = Batches::new(id, random.fork(), plan.queued);
        let sending = client::run(client.clone(), batches, random.fork());
        clients.spawn(async move { (id, sending.await) });
    }
    drop(client);
    let faults = faults(testbed, &mut target, plan, schedule, &mut served).await?;
    testbed.progress.say("the clients finish");
    let expected = finish(&phase, clients, plan.clients).await?;
    let dead_letters = target.stop(testbed).await?;
    testbed.progress.say("counting");
    testbed.store.wait_until_quiet().await?;
    let codes = count::count(&mut testbed.store.stored().await?, &expected, plan.queued).await?;
    let Plan { seed, clients, seconds, queued, ref kinds } = *plan;
    let store = testbed.store.kind();
    let failed_calls = testbed.store.faults().ok().map(FaultProxy::failures);
    let judges_times = kinds.is_empty() && !queued;
    let run = Run {
        database: testbed.store.name().to_owned(),
        store,
        seed,
        clients,
        seconds,
        queued,
        failed_calls,
        judges_times,
    };
    Ok(Report::new(run, &faults, tally.so_far(), codes, dead_letters))
}

async fn faults(
    testbed: &mut Testbed,
    target: &mut Target,
    plan: &Plan,
    schedule: Schedule,
    served: &mut mpsc::UnboundedReceiver<Acknowledged>,
) -> Result<Vec<Injected>, LabError> {
    let started = Instant::now();
    if recovery::wait(served, started, plan.clients).await.is_none() {
        let logs = testbed.folder().display();
        let sentence = format!("not every client got through before the first fault; the logs are in {logs}");
        return Err(SeeLogs(sentence).into());
    }
    let end = started + Duration::from_secs(plan.seconds);
    let mut faults = Vec::new();
    for fault in schedule {
        sleep(fault.pause).await;
        // Each kind that was asked for happens at least once.
        if Instant::now() >= end && faults.len() >= plan.kinds.len() {
            break;
        }
        let end_of_fault = inject::inject(testbed, target, fault).await?;
        let mut recovery = recovery::wait(served, end_of_fault, plan.clients).await;
        if plan.queued {
            let stored = target.stored().await.map(|stored| stored - end_of_fault);
            recovery = recovery.zip(stored).map(|(recovery, stored)| recovery.at_least(stored));
        }
        let outcome = recovery.map_or("NOT RECOVERED".to_owned(), |recovery| {
            let (first, last) = (recovery.first.as_millis(), recovery.last.as_millis());
            format!("served again after {first} ms, all {last} ms")
        });
        let (at, number, name) = (started.elapsed().as_secs(), faults.len() + 1, fault.kind.name());
        testbed.progress.say(&format!("{at:>4} s  {number:>3}  {name}: {outcome}"));
        faults.push((fault.kind, recovery));
    }
    Ok(faults)
}

/// Lets the clients settle their batches. Returns the batches of each client.
async fn finish(
    phase: &watch::Sender<Phase>,
    mut clients: JoinSet<(usize, Vec<Settled>)>,
    count: usize,
) -> Result<Vec<Vec<Settled>>, LabError> {
    phase.send_replace(Phase::Finishing);
    let drained = Instant::now() + DRAIN_LIMIT;
    let mut expected: Vec<Vec<Settled>> = (0..count).map(|_| Vec::new()).collect();
    loop {
        let ended = tokio::select! {
            ended = clients.join_next() => ended,
            () = sleep_until(drained), if *phase.borrow() == Phase::Finishing => {
                phase.send_replace(Phase::GivingUp);
                continue;
            }
        };
        let Some(ended) = ended else { return Ok(expected) };
        let (id, settled) = ended?;
        expected[id] = settled;
    }
}
