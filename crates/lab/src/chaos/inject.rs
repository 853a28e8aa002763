//! Injects one fault, from its beginning to its end.

use std::time::Duration;

use local::fault_proxy::Fault as RequestFault;
use local::processes::signal;
use local::proxy::Link;
use nix::sys::signal::Signal;
use sqlx::{Connection, MySqlConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::fault::{Fault, Kind};
use crate::chaos::target::Target;
use crate::error::LabError;
use crate::testbed::Testbed;

/// The pause within a fault that repeats an action.
const BEAT: Duration = Duration::from_millis(60);

/// DynamoDB's errors for an overloaded partition, an overloaded table and a contended item.
const THROTTLES: [RequestFault; 3] = [
    RequestFault::Refuse("ProvisionedThroughputExceededException"),
    RequestFault::Refuse("ThrottlingException"),
    RequestFault::Refuse("TransactionConflictException"),
];

/// Before and after the request is carried out; a client cannot tell them apart.
const INTERNAL_ERRORS: [RequestFault; 2] = [RequestFault::InternalError, RequestFault::InternalErrorAfter];

/// How long a server may take to refuse a connection.
const ONE_MORE_LIMIT: Duration = Duration::from_millis(500);

/// Returns the end of the fault: the service's recovery counts from there.
pub(crate) async fn inject(testbed: &mut Testbed, target: &Target, fault: Fault) -> Result<Instant, LabError> {
    let Fault { kind, lasts, choice, .. } = fault;
    match kind {
        Kind::DatabaseKilled | Kind::DatabaseRestarted => {
            let store = &mut testbed.store;
            store.end(if kind == Kind::DatabaseKilled { Signal::SIGKILL } else { Signal::SIGTERM }).await?;
            sleep(lasts).await;
            store.restart().await?;
        }
        Kind::DatabaseFrozen => freeze(&[testbed.store.process_id()?], lasts).await?,
        Kind::FunctionKilled => {
            let processes = target.processes(testbed).await?;
            let chosen = usize::try_from(choice).unwrap_or_default() % processes.len();
            signal(processes[chosen], Signal::SIGKILL)?;
        }
        Kind::FunctionsKilled => signal_all(&target.processes(testbed).await?, Signal::SIGKILL)?,
        Kind::FunctionsFrozen => freeze(&target.processes(testbed).await?, lasts).await?,
        Kind::QueueFrozen => {
            let moto = target.queued.as_ref().and_then(|(queue, _)| queue.moto.process_id());
            freeze(&[moto.ok_or("the queue has no process")?], lasts).await?;
        }
        Kind::ConnectionsCut => {
            let cut = async || {
                target.proxy.cut_all();
                Ok(())
            };
            repeat(lasts, cut).await?;
        }
        Kind::ConnectionsRefused => with_link(target, Link::Refusing, lasts).await,
        Kind::ConnectionsSlow => with_link(target, Link::Slow(Duration::from_millis(20 + choice % 200)), lasts).await,
        Kind::ConnectionsJammed => with_link(target, Link::Stalled, lasts).await,
        Kind::ConnectionsSwallowed => with_link(target, Link::BlackHole, lasts).await,
        Kind::AnswersLost => with_link(target, Link::AnswersDropped, lasts).await,
        Kind::ConnectionsKilled => {
            let mut administrator = testbed.store.mysql()?.administrator().await?;
            repeat(lasts, async || administrator.kill_connections(&[]).await).await?;
        }
        Kind::ConnectionsFull => take_all_connections(testbed, lasts).await?,
        Kind::ReadOnly => {
            let mut administrator = testbed.store.mysql()?.administrator().await?;
            administrator.set_read_only(true).await?;
            sleep(lasts).await;
            administrator.set_read_only(false).await?;
        }
        Kind::Throttled => fail(testbed, choice, &THROTTLES, lasts).await?,
        Kind::InternalErrors => fail(testbed, choice, &INTERNAL_ERRORS, lasts).await?,
    }
    Ok(Instant::now())
}

/// Makes 25, 50, 75 or 100 % of the requests fail.
async fn fail(testbed: &Testbed, choice: u64, faults: &[RequestFault], lasts: Duration) -> Result<(), LabError> {
    let proxy = testbed.store.faults()?;
    let percent = usize::try_from(choice % 4).unwrap_or_default() * 25 + 25;
    proxy.fail_share(percent, faults);
    sleep(lasts).await;
    proxy.heal();
    Ok(())
}

async fn with_link(target: &Target, link: Link, lasts: Duration) {
    target.proxy.set(link);
    sleep(lasts).await;
    target.proxy.set(Link::Open);
}

async fn freeze(processes: &[u32], lasts: Duration) -> Result<(), LabError> {
    signal_all(processes, Signal::SIGSTOP)?;
    sleep(lasts).await;
    signal_all(processes, Signal::SIGCONT)
}

fn signal_all(processes: &[u32], wanted: Signal) -> Result<(), LabError> {
    Ok(processes.iter().try_for_each(|id| signal(*id, wanted))?)
}

async fn repeat(lasts: Duration, mut act: impl AsyncFnMut() -> Result<(), LabError>) -> Result<(), LabError> {
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        act().await?;
        sleep(BEAT).await;
    }
    Ok(())
}

/// Takes all connections of the server, including those that the functions lose in the meantime.
async fn take_all_connections(testbed: &Testbed, lasts: Duration) -> Result<(), LabError> {
    let mut administrator = testbed.store.mysql()?.administrator().await?;
    let mysql = testbed.store.mysql()?;
    let mut taken: Vec<MySqlConnection> = Vec::new();
    repeat(lasts, async || {
        while let Ok(Ok(connection)) = timeout(ONE_MORE_LIMIT, mysql.user()).await {
            taken.push(connection);
        }
        let mut ours: Vec<u64> = Vec::new();
        for connection in &mut taken {
            ours.push(sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(connection).await?);
        }
        administrator.kill_connections(&ours).await
    })
    .await?;
    // Close properly: a connection becomes free only when the server has noticed.
    for connection in taken {
        let _ = connection.close().await;
    }
    Ok(())
}
