//! Makes a fault happen, from its beginning to its end.

use std::time::Duration;

use local::fault_proxy::Fault as Failure;
use local::processes::signal;
use local::proxy::Way;
use nix::sys::signal::Signal;
use sqlx::{Connection, MySqlConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::fault::{Fault, Kind};
use crate::chaos::target::Target;
use crate::error::LabError;
use crate::testbed::Testbed;

/// Between two of the same, where a fault is a series.
const BEAT: Duration = Duration::from_millis(60);

/// How DynamoDB says that a table, a partition or an item is asked for too much.
const THROTTLES: [Failure; 3] = [
    Failure::Refuse("ProvisionedThroughputExceededException"),
    Failure::Refuse("ThrottlingException"),
    Failure::Refuse("TransactionConflictException"),
];

/// Nobody can tell which of the two it was.
const INTERNAL_ERRORS: [Failure; 2] = [Failure::InternalError, Failure::InternalErrorAfter];

/// How long a server may take to say that it has no connection left.
const ONE_MORE_LIMIT: Duration = Duration::from_millis(500);

/// Returns when the fault is over, and says when that was: what is done here afterwards is not the service's time.
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
            freeze(&[moto.ok_or(LabError::NoProcess("queue"))?], lasts).await?;
        }
        Kind::ConnectionsCut => {
            again_and_again(lasts, async || {
                target.proxy.cut_all();
                Ok(())
            })
            .await?;
        }
        Kind::ConnectionsRefused => on_way(target, Way::Refusing, lasts).await,
        Kind::ConnectionsSlow => on_way(target, Way::Slow(Duration::from_millis(20 + choice % 200)), lasts).await,
        Kind::ConnectionsJammed => on_way(target, Way::Jammed, lasts).await,
        Kind::ConnectionsSwallowed => on_way(target, Way::Swallowing, lasts).await,
        Kind::AnswersLost => on_way(target, Way::WithoutAnswers, lasts).await,
        Kind::ConnectionsKilled => {
            let mut administrator = testbed.store.mysql()?.administrator().await?;
            again_and_again(lasts, async || administrator.kill_connections(&[]).await).await?;
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

/// Lets some of the requests fail, or all.
async fn fail(testbed: &Testbed, choice: u64, ways: &[Failure], lasts: Duration) -> Result<(), LabError> {
    let proxy = testbed.store.faults()?;
    let percent = usize::try_from(choice % 4).unwrap_or_default() * 25 + 25;
    proxy.fail_share(percent, ways);
    sleep(lasts).await;
    proxy.heal();
    Ok(())
}

async fn on_way(target: &Target, way: Way, lasts: Duration) {
    target.proxy.set(way);
    sleep(lasts).await;
    target.proxy.set(Way::Open);
}

async fn freeze(processes: &[u32], lasts: Duration) -> Result<(), LabError> {
    signal_all(processes, Signal::SIGSTOP)?;
    sleep(lasts).await;
    signal_all(processes, Signal::SIGCONT)
}

fn signal_all(processes: &[u32], wanted: Signal) -> Result<(), LabError> {
    Ok(processes.iter().try_for_each(|id| signal(*id, wanted))?)
}

async fn again_and_again(lasts: Duration, mut act: impl AsyncFnMut() -> Result<(), LabError>) -> Result<(), LabError> {
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        act().await?;
        sleep(BEAT).await;
    }
    Ok(())
}

/// Takes every connection that the server has, also those that the functions lose meanwhile.
async fn take_all_connections(testbed: &Testbed, lasts: Duration) -> Result<(), LabError> {
    let mut administrator = testbed.store.mysql()?.administrator().await?;
    let mysql = testbed.store.mysql()?;
    let mut taken: Vec<MySqlConnection> = Vec::new();
    again_and_again(lasts, async || {
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
    // A connection that is closed is free a moment later, when the server has seen it.
    for connection in taken {
        let _ = connection.close().await;
    }
    Ok(())
}
