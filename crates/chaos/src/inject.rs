//! Makes a fault happen, from its beginning to its end.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{Connection, Executor, MySqlConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::error::ChaosError;
use crate::fault::{Fault, Kind};
use crate::proxy::Way;
use crate::stage::{Stage, USER};

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
pub(crate) async fn inject(stage: &mut Stage, fault: Fault) -> Result<Instant, ChaosError> {
    match fault.kind {
        Kind::DatabaseKilled => {
            stage.server.as_mut().ok_or(ChaosError::NoServer)?.kill().await;
            sleep(fault.lasts).await;
            start_again(stage).await?;
        }
        Kind::DatabaseRestarted => {
            signal_database(stage, Signal::SIGTERM)?;
            stage.server.as_mut().ok_or(ChaosError::NoServer)?.ended().await;
            sleep(fault.lasts).await;
            start_again(stage).await?;
        }
        Kind::DatabaseFrozen => {
            signal_database(stage, Signal::SIGSTOP)?;
            sleep(fault.lasts).await;
            signal_database(stage, Signal::SIGCONT)?;
        }
        Kind::FunctionKilled => {
            let processes = processes(stage).await?;
            let chosen = usize::try_from(fault.choice).unwrap_or_default() % processes.len();
            signal_all(&processes[chosen..=chosen], Signal::SIGKILL);
        }
        Kind::FunctionsKilled => signal_all(&processes(stage).await?, Signal::SIGKILL),
        Kind::FunctionsFrozen => {
            let processes = processes(stage).await?;
            signal_all(&processes, Signal::SIGSTOP);
            sleep(fault.lasts).await;
            signal_all(&processes, Signal::SIGCONT);
        }
        Kind::QueueFrozen => {
            let queued = stage.queued.as_ref().ok_or(ChaosError::NoProcess)?;
            let moto = queued.moto.process_id().and_then(|id| i32::try_from(id).ok()).ok_or(ChaosError::NoProcess)?;
            signal_all(&[moto], Signal::SIGSTOP);
            sleep(fault.lasts).await;
            signal_all(&[moto], Signal::SIGCONT);
        }
        Kind::ConnectionsCut => {
            let end = Instant::now() + fault.lasts;
            while Instant::now() < end {
                stage.proxy.cut();
                sleep(BEAT).await;
            }
        }
        Kind::ConnectionsRefused => {
            stage.proxy.set(Way::Refusing);
            stage.proxy.cut();
            sleep(fault.lasts).await;
            stage.proxy.set(Way::Open);
        }
        Kind::ConnectionsSlow => {
            on_way(stage, Way::Slow(Duration::from_millis(20 + fault.choice % 200)), fault.lasts).await;
        }
        Kind::ConnectionsJammed => on_way(stage, Way::Jammed, fault.lasts).await,
        Kind::ConnectionsSwallowed => on_way(stage, Way::Swallowing, fault.lasts).await,
        Kind::AnswersLost => on_way(stage, Way::WithoutAnswers, fault.lasts).await,
        Kind::ConnectionsKilled => {
            let mut administrator = stage.administrator().await?;
            let end = Instant::now() + fault.lasts;
            while Instant::now() < end {
                kill_connections(&mut administrator).await?;
                sleep(BEAT).await;
            }
        }
        Kind::ConnectionsFull => return fill(stage, fault.lasts).await,
        Kind::ReadOnly => {
            let mut administrator = stage.administrator().await?;
            administrator.execute("SET GLOBAL read_only = ON").await?;
            sleep(fault.lasts).await;
            administrator.execute("SET GLOBAL read_only = OFF").await?;
        }
    }
    Ok(Instant::now())
}

async fn on_way(stage: &Stage, way: Way, lasts: Duration) {
    stage.proxy.set(way);
    sleep(lasts).await;
    stage.proxy.set(Way::Open);
}

async fn start_again(stage: &mut Stage) -> Result<(), ChaosError> {
    let server = stage.server.take().ok_or(ChaosError::NoServer)?;
    stage.server = Some(server.restart().await?);
    Ok(())
}

/// Takes every connection that the server has, also those that the functions lose meanwhile.
async fn fill(stage: &Stage, lasts: Duration) -> Result<Instant, ChaosError> {
    let mut administrator = stage.administrator().await?;
    let mut taken = Vec::new();
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        while let Ok(Ok(connection)) = timeout(ONE_MORE_LIMIT, stage.user()).await {
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

async fn ids(connections: &mut [MySqlConnection]) -> Result<Vec<u64>, ChaosError> {
    let mut ids = Vec::new();
    for connection in connections {
        ids.push(sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(connection).await?);
    }
    Ok(ids)
}

/// Those of the functions' user.
pub(crate) async fn connection_ids(administrator: &mut MySqlConnection) -> Result<Vec<u64>, ChaosError> {
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

async fn kill_connections(administrator: &mut MySqlConnection) -> Result<(), ChaosError> {
    for id in connection_ids(administrator).await? {
        kill_connection(administrator, id).await?;
    }
    Ok(())
}

async fn kill_connection(administrator: &mut MySqlConnection, id: u64) -> Result<(), ChaosError> {
    match administrator.execute(&*format!("KILL {id}")).await {
        // It may have ended in between.
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn signal_database(stage: &Stage, signal: Signal) -> Result<(), ChaosError> {
    let id = stage.server.as_ref().and_then(local::database::Server::process_id).ok_or(ChaosError::NoServer)?;
    Ok(kill(Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX)), signal)?)
}

/// One that ended in between needs no signal.
fn signal_all(processes: &[i32], signal: Signal) {
    for id in processes {
        let _ = kill(Pid::from_raw(*id), signal);
    }
}

/// The functions' processes, busy or idle: children of ours that run one of the programs. One at least.
async fn processes(stage: &Stage) -> Result<Vec<i32>, ChaosError> {
    let programs = [stage.programs.post_log.as_path(), &stage.programs.store_logs];
    let started = Instant::now();
    loop {
        let found: Vec<i32> =
            children()?.into_iter().filter(|id| programs.iter().any(|program| runs(*id, program))).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        if started.elapsed() > LOOK_LIMIT {
            return Err(ChaosError::NoProcess);
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
