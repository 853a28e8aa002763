//! Clients send, faults happen, one at a time; then everything comes to rest and is counted.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chaos::batch::Batches;
use crate::chaos::client::{self, Acknowledged, Phase, Sent, Target};
use crate::chaos::count;
use crate::chaos::fault::{Kind, Schedule};
use crate::chaos::inject::inject;
use crate::chaos::plan::{PROGRESS, Plan};
use crate::chaos::recovery;
use crate::chaos::report::{Report, Run, Survived};
use crate::chaos::tally::Tally;
use crate::chaos::testbed::Testbed;
use crate::error::LabError;

/// How long the clients may go on after the last fault, until every batch is settled.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// From the first batch to the report.
pub(crate) async fn run(testbed: &mut Testbed, plan: &Plan) -> Result<Report, LabError> {
    let mut random = Rng::with_seed(plan.seed);
    let all = plan.kinds.is_empty();
    let mut kinds = if all { Kind::ALL.to_vec() } else { plan.kinds.clone() };
    kinds.retain(|kind| plan.queued || *kind != Kind::QueueFrozen);
    let schedule = Schedule::new(random.fork(), &kinds);
    let (phase, follow) = watch::channel(Phase::Sending);
    let (acknowledged, mut served) = mpsc::unbounded_channel();
    let tally = Arc::new(Tally::default());
    let target = Target {
        http: reqwest::Client::builder().no_proxy().build()?,
        url: testbed.gateway.url(),
        api_key: testbed.api_key.clone(),
        queued: plan.queued,
        tally: Arc::clone(&tally),
        phase: follow,
        acknowledged,
    };
    let mut clients = JoinSet::new();
    for id in 0..plan.clients {
        let batches = Batches::new(id, random.fork(), plan.queued);
        let sending = client::run(target.clone(), batches, random.fork());
        clients.spawn(async move { (id, sending.await) });
    }
    drop(target);
    let faults = faults(testbed, plan, schedule, &mut served).await?;
    PROGRESS.say("the clients finish");
    let expected = finish(&phase, clients, plan.clients).await?;
    // All that the functions still have under way ends here, before it is counted.
    testbed.function.finish().await;
    testbed.function.stop().await;
    let dead_letters = match testbed.queued.take() {
        Some(queued) => {
            PROGRESS.say("the queue is emptied");
            queued.drain().await?
        }
        None => 0,
    };
    PROGRESS.say("counting");
    testbed.proxy.cut();
    let mut administrator = testbed.administrator().await?;
    count::wait_until_quiet(&mut administrator).await?;
    let codes = count::count(&mut administrator, &expected, plan.queued).await?;
    let Plan { seed, clients, seconds, queued, .. } = *plan;
    let run = Run { database: testbed.database.clone(), seed, clients, seconds, queued, judges_times: all && !queued };
    Ok(Report::new(run, &faults, tally.so_far(), codes, dead_letters))
}

async fn faults(
    testbed: &mut Testbed,
    plan: &Plan,
    schedule: Schedule,
    served: &mut mpsc::UnboundedReceiver<Acknowledged>,
) -> Result<Vec<Survived>, LabError> {
    let started = Instant::now();
    if recovery::wait(served, started, plan.clients).await.is_none() {
        return Err(LabError::NeverUp(testbed.folder.clone()));
    }
    let end = started + Duration::from_secs(plan.seconds);
    let mut faults = Vec::new();
    for fault in schedule {
        sleep(fault.pause).await;
        // Kinds that were asked for come at least once.
        if Instant::now() >= end && faults.len() >= plan.kinds.len() {
            break;
        }
        let end_of_fault = inject(testbed, fault).await?;
        let mut recovery = recovery::wait(served, end_of_fault, plan.clients).await;
        if let Some(queued) = &mut testbed.queued {
            let stored = queued.stored().await.map(|stored| stored - end_of_fault);
            recovery = recovery.zip(stored).map(|(recovery, stored)| recovery.and_after(stored));
        }
        let (at, number, name) = (started.elapsed().as_secs(), faults.len() + 1, fault.kind.name());
        match recovery {
            Some(recovery) => {
                let (first, last) = (recovery.first.as_millis(), recovery.last.as_millis());
                PROGRESS.say(&format!("{at:>4} s  {number:>3}  {name}: served again after {first} ms, all {last} ms"));
            }
            None => PROGRESS.say(&format!("{at:>4} s  {number:>3}  {name}: NOT RECOVERED")),
        }
        faults.push((fault.kind, recovery));
    }
    Ok(faults)
}

/// What the clients expect, in order.
async fn finish(
    phase: &watch::Sender<Phase>,
    mut clients: JoinSet<(usize, Vec<Sent>)>,
    count: usize,
) -> Result<Vec<Vec<Sent>>, LabError> {
    phase.send_replace(Phase::Finishing);
    let drained = Instant::now() + DRAIN_LIMIT;
    let mut expected: Vec<Vec<Sent>> = (0..count).map(|_| Vec::new()).collect();
    loop {
        let ended = tokio::select! {
            ended = clients.join_next() => ended,
            () = tokio::time::sleep_until(drained), if *phase.borrow() == Phase::Finishing => {
                phase.send_replace(Phase::GivingUp);
                continue;
            }
        };
        let Some(ended) = ended else { return Ok(expected) };
        let (id, sent) = ended?;
        expected[id] = sent;
    }
}
