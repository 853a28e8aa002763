//! A proxy before DynamoDB that injects faults and counts units. `./dev chaos`, `./dev bench` and the tests use it.
//!
//! Written here, because a fault concerns one request and its answer: the real server must carry the request out, or never
//! see it.

mod http;
mod plan;

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::BufReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use self::http::{AUTHORIZATION, Call, DATE};
use self::http::{read, write};
pub use self::plan::Fault;
use self::plan::Plan;

pub struct FaultProxy {
    pub port: u16,
    plan: Arc<Mutex<Plan>>,
    connections: Arc<AtomicUsize>,
    /// Ends with the proxy, together with all connections.
    _task: JoinSet<()>,
}

/// The state that all connections share.
#[derive(Clone)]
struct Shared {
    server: String,
    client: reqwest::Client,
    plan: Arc<Mutex<Plan>>,
    connections: Arc<AtomicUsize>,
}

impl FaultProxy {
    /// `server` is the URL of the real server.
    pub async fn before(server: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (plan, connections) = (Arc::<Mutex<Plan>>::default(), Arc::<AtomicUsize>::default());
        // Connect from another address than the server's, so that a restarted server can get its port (see `proxy.rs`).
        let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::from([127, 0, 0, 2]));
        let client = client.build().map_err(io::Error::other)?;
        let (plan_of_all, count) = (Arc::clone(&plan), Arc::clone(&connections));
        let shared = Shared { server: server.to_owned(), client, plan: plan_of_all, connections: count };
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                // For example too many open files: try the next connection.
                let Ok((socket, _)) = listener.accept().await else { continue };
                let _ = socket.set_nodelay(true);
                shared.connections.fetch_add(1, Relaxed);
                connections.spawn(serve(socket, shared.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, plan, connections, _task: task })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes the next `times` requests that contain `text` (an operation, a key) fail.
    pub fn fail(&self, text: &'static str, fault: Fault, times: usize) {
        self.plan().faults.push((text, fault, times));
    }

    /// From now on, `percent` of all requests fail, with each of `faults` in turn.
    pub fn fail_share(&self, percent: usize, faults: &[Fault]) {
        self.plan().share = (!faults.is_empty()).then(|| (percent, faults.to_vec()));
    }

    /// Whether all faults planned with [`fail`](Self::fail) have happened.
    pub fn has_failed(&self) -> bool {
        self.plan().faults.is_empty()
    }

    /// Removes all faults.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.faults.clear();
        plan.share = None;
    }

    /// Forgets earlier calls and records new ones. Off by default, because the calls of a long run would fill the memory.
    pub fn keep_calls(&self) {
        self.plan().calls = Some(Vec::new());
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        self.plan().calls.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many requests the proxy made fail.
    pub fn failures(&self) -> u64 {
        self.plan().failures
    }

    /// Whether no client is connected: all requests have happened, or never will.
    pub fn is_quiet(&self) -> bool {
        self.connections.load(Relaxed) == 0
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        locked(&self.plan)
    }
}

fn locked(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: TcpStream, shared: Shared) {
    let connections = Arc::clone(&shared.connections);
    requests(socket, shared).await;
    connections.fetch_sub(1, Relaxed);
}

const INTERNAL_ERROR: &[u8] = br#"{"__type":"InternalServerError","message":"by the proxy"}"#;

/// Handles the requests of one connection, one after the other.
async fn requests(socket: TcpStream, shared: Shared) {
    let mut socket = BufReader::new(socket);
    while let Some((target, body)) = read(&mut socket).await {
        let fault = locked(&shared.plan).next_fault(&target, &body);
        match fault {
            Some(Fault::Refuse(code)) => {
                let text =
                    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"by the proxy"}}"#);
                write(&mut socket, 400, text.as_bytes()).await;
                continue;
            }
            Some(Fault::InternalError) => {
                write(&mut socket, 500, INTERNAL_ERROR).await;
                continue;
            }
            Some(Fault::CutBefore) => return,
            _ => {}
        }
        let request = shared.client.post(&shared.server).header("x-amz-target", &target);
        let request =
            request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
        let request = request.header("x-amz-date", DATE);
        let Ok(response) = request.body(body).send().await else { return };
        let status = response.status().as_u16();
        let Ok(answer) = response.bytes().await else { return };
        if let Some(calls) = &mut locked(&shared.plan).calls {
            calls.push(Call::of(&target, &answer));
        }
        match fault {
            Some(Fault::CutAfter) => return,
            Some(Fault::SilenceAfter) => pending().await,
            Some(Fault::NonsenseAfter) => write(&mut socket, 200, b"<html>by the proxy").await,
            Some(Fault::InternalErrorAfter) => write(&mut socket, 500, INTERNAL_ERROR).await,
            _ => write(&mut socket, status, &answer).await,
        }
    }
}
