//! Makes a fault happen, from its beginning to its end.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::chaos::fault::{Fault, Kind};
use crate::chaos::proxy::Way;
use crate::chaos::testbed::Testbed;
use crate::error::LabError;
use crate::testbed::USER;

/// How long to look for a process, or for a moment in which connections can be listed: all processes may have been
/// killed a moment ago.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// Between two of the same, where a fault is a series.
const BEAT: Duration = Duration::from_millis(60);

/// MySQL lists no connection while anybody's statement has binary parameters, as a row of the ledger does.
const NOT_TEXT: Option<u16> = Some(3854);

/// How long a server may take to say that it has no connection left.
const ONE_MORE_LIMIT: Duration = Duration::from_millis(500);

/// Returns when the fault is over, and says when that was: what is done here afterwards is not the service's time.
pub(crate) async fn inject(testbed: &mut Testbed, fault: Fault) -> Result<Instant, LabError> {
    match fault.kind {
        Kind::DatabaseKilled => {
            testbed.server.as_mut().ok_or(LabError::NoServer)?.kill().await;
            sleep(fault.lasts).await;
            start_again(testbed).await?;
        }
        Kind::DatabaseRestarted => {
            signal_database(testbed, Signal::SIGTERM)?;
            testbed.server.as_mut().ok_or(LabError::NoServer)?.ended().await;
            sleep(fault.lasts).await;
            start_again(testbed).await?;
        }
        Kind::DatabaseFrozen => {
            signal_database(testbed, Signal::SIGSTOP)?;
            sleep(fault.lasts).await;
            signal_database(testbed, Signal::SIGCONT)?;
        }
        Kind::FunctionKilled => {
            let processes = processes(testbed).await?;
            let chosen = usize::try_from(fault.choice).unwrap_or_default() % processes.len();
            signal_all(&processes[chosen..=chosen], Signal::SIGKILL);
        }
        Kind::FunctionsKilled => signal_all(&processes(testbed).await?, Signal::SIGKILL),
        Kind::FunctionsFrozen => {
            let processes = processes(testbed).await?;
            signal_all(&processes, Signal::SIGSTOP);
            sleep(fault.lasts).await;
            signal_all(&processes, Signal::SIGCONT);
        }
        Kind::QueueFrozen => {
            let queued = testbed.queued.as_ref().ok_or(LabError::NoProcess)?;
            let moto = queued.moto.process_id().and_then(|id| i32::try_from(id).ok()).ok_or(LabError::NoProcess)?;
            signal_all(&[moto], Signal::SIGSTOP);
            sleep(fault.lasts).await;
            signal_all(&[moto], Signal::SIGCONT);
        }
        Kind::ConnectionsCut => {
            let end = Instant::now() + fault.lasts;
            while Instant::now() < end {
                testbed.proxy.cut();
                sleep(BEAT).await;
            }
        }
        Kind::ConnectionsRefused => {
            testbed.proxy.set(Way::Refusing);
            testbed.proxy.cut();
            sleep(fault.lasts).await;
            testbed.proxy.set(Way::Open);
        }
        Kind::ConnectionsSlow => {
            on_way(testbed, Way::Slow(Duration::from_millis(20 + fault.choice % 200)), fault.lasts).await;
        }
        Kind::ConnectionsJammed => on_way(testbed, Way::Jammed, fault.lasts).await,
        Kind::ConnectionsSwallowed => on_way(testbed, Way::Swallowing, fault.lasts).await,
        Kind::AnswersLost => on_way(testbed, Way::WithoutAnswers, fault.lasts).await,
        Kind::ConnectionsKilled => {
            let mut administrator = testbed.administrator().await?;
            let end = Instant::now() + fault.lasts;
            while Instant::now() < end {
                kill_connections(&mut administrator).await?;
                sleep(BEAT).await;
            }
        }
        Kind::ConnectionsFull => return fill(testbed, fault.lasts).await,
        Kind::ReadOnly => {
            let mut administrator = testbed.administrator().await?;
            administrator.execute("SET GLOBAL read_only = ON").await?;
            sleep(fault.lasts).await;
            administrator.execute("SET GLOBAL read_only = OFF").await?;
        }
    }
    Ok(Instant::now())
}

async fn on_way(testbed: &Testbed, way: Way, lasts: Duration) {
    testbed.proxy.set(way);
    sleep(lasts).await;
    testbed.proxy.set(Way::Open);
}

async fn start_again(testbed: &mut Testbed) -> Result<(), LabError> {
    let server = testbed.server.take().ok_or(LabError::NoServer)?;
    testbed.server = Some(server.restart().await?);
    Ok(())
}

/// Takes every connection that the server has, also those that the functions lose meanwhile.
async fn fill(testbed: &Testbed, lasts: Duration) -> Result<Instant, LabError> {
    let mut administrator = testbed.administrator().await?;
    let mut taken = Vec::new();
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        while let Ok(Ok(connection)) = timeout(ONE_MORE_LIMIT, testbed.user()).await {
            taken.push(connection);
        }
        let ours: Vec<u64> = ids(&mut taken).await?;
        for id in connection_ids(&mut administrator).await?.into_iter().filter(|id| !ours.contains(id)) {
            kill_connection(&mut administrator, id).await?;
        }
        sleep(BEAT).await;
    }
    // A connection that is closed is free a moment later, when the server has seen it.
    for connection in taken {
        let _ = connection.close().await;
    }
    Ok(Instant::now())
}

async fn ids(connections: &mut [MySqlConnection]) -> Result<Vec<u64>, LabError> {
    let mut ids = Vec::new();
    for connection in connections {
        ids.push(sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(connection).await?);
    }
    Ok(ids)
}

/// Those of the functions' user.
pub(crate) async fn connection_ids(administrator: &mut MySqlConnection) -> Result<Vec<u64>, LabError> {
    let sql = "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist WHERE user = ?";
    let started = Instant::now();
    loop {
        match sqlx::query_scalar(sql).bind(USER).fetch_all(&mut *administrator).await {
            Err(error) if number(&error) == NOT_TEXT && started.elapsed() < LOOK_LIMIT => {}
            read => return Ok(read?),
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// The server's number of an error.
fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

async fn kill_connections(administrator: &mut MySqlConnection) -> Result<(), LabError> {
    for id in connection_ids(administrator).await? {
        kill_connection(administrator, id).await?;
    }
    Ok(())
}

async fn kill_connection(administrator: &mut MySqlConnection, id: u64) -> Result<(), LabError> {
    match administrator.execute(&*format!("KILL {id}")).await {
        // It may have ended in between.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn signal_database(testbed: &Testbed, signal: Signal) -> Result<(), LabError> {
    let id = testbed.server.as_ref().and_then(local::database::Server::process_id).ok_or(LabError::NoServer)?;
    Ok(kill(Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX)), signal)?)
}

/// One that ended in between needs no signal.
fn signal_all(processes: &[i32], signal: Signal) {
    for id in processes {
        let _ = kill(Pid::from_raw(*id), signal);
    }
}

/// The functions' processes, busy or idle: children of ours that run one of the programs. One at least.
async fn processes(testbed: &Testbed) -> Result<Vec<i32>, LabError> {
    let programs = ["post-log", "store-logs"].map(|name| testbed.programs.path(name));
    let started = Instant::now();
    loop {
        let found: Vec<i32> =
            children()?.into_iter().filter(|id| programs.iter().any(|program| runs(*id, program))).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        if started.elapsed() > LOOK_LIMIT {
            return Err(LabError::NoProcess);
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn children() -> std::io::Result<Vec<i32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end in between.
        let ids = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        children.extend(ids.split_whitespace().filter_map(|id| id.parse::<i32>().ok()));
    }
    Ok(children)
}

/// A zombie runs nothing.
fn runs(id: i32, program: &Path) -> bool {
    std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|path| path == program)
}
