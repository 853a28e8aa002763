//! A way to DynamoDB that fails as it is told, and counts what passes. `./dev chaos`, `./dev bench` and the tests use it.
//!
//! Written here: a fault is about one request and its answer, and a real server must carry the request out or never see it.

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

/// Passes requests on to a server, unless it is told otherwise.
pub struct FaultProxy {
    /// Where it listens.
    pub port: u16,
    plan: Arc<Mutex<Plan>>,
    connections: Arc<AtomicUsize>,
    /// Ends with the proxy, connections and all.
    _task: JoinSet<()>,
}

/// What the requests of all connections share.
#[derive(Clone)]
struct Way {
    server: String,
    client: reqwest::Client,
    plan: Arc<Mutex<Plan>>,
    connections: Arc<AtomicUsize>,
}

impl FaultProxy {
    /// Before the server at this URL.
    pub async fn before(server: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (plan, connections) = (Arc::<Mutex<Plan>>::default(), Arc::<AtomicUsize>::default());
        // From an address that is not the server's, as in `proxy.rs`: a server that starts again must get its port.
        let client = reqwest::Client::builder().no_proxy().local_address(IpAddr::from([127, 0, 0, 2]));
        let client = client.build().map_err(io::Error::other)?;
        let (plan_of_all, count) = (Arc::clone(&plan), Arc::clone(&connections));
        let way = Way { server: server.to_owned(), client, plan: plan_of_all, connections: count };
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                // Out of file descriptors, or the like: the next one may do.
                let Ok((socket, _)) = listener.accept().await else { continue };
                let _ = socket.set_nodelay(true);
                way.connections.fetch_add(1, Relaxed);
                connections.spawn(serve(socket, way.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, plan, connections, _task: task })
    }

    /// Where functions find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// So many of the next requests that have this text (an operation, a key) fail so.
    pub fn fail(&self, text: &'static str, fault: Fault, times: usize) {
        self.plan().faults.push((text, fault, times));
    }

    /// From now on so many of 100 requests fail, each in the next of these ways.
    pub fn fail_share(&self, percent: usize, faults: &[Fault]) {
        self.plan().share = (!faults.is_empty()).then(|| (percent, faults.to_vec()));
    }

    /// Whether all faults that were planned one by one have happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.plan().faults.is_empty()
    }

    /// From now on everything passes.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.faults.clear();
        plan.share = None;
    }

    /// From now on calls are kept, and earlier ones forgotten. Without this a long run would only fill the memory.
    pub fn keep_calls(&self) {
        self.plan().calls = Some(Vec::new());
    }

    /// What has passed since the last time.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.plan().calls.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many requests failed as they were told to.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.plan().failures
    }

    /// Whether nobody is connected: what was sent last has happened or not.
    #[must_use]
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

async fn serve(socket: TcpStream, way: Way) {
    let connections = Arc::clone(&way.connections);
    requests(socket, way).await;
    connections.fetch_sub(1, Relaxed);
}

const INTERNAL_ERROR: &[u8] = br#"{"__type":"InternalServerError","message":"by the proxy"}"#;

/// Requests of one connection, one after the other.
async fn requests(socket: TcpStream, way: Way) {
    let mut socket = BufReader::new(socket);
    while let Some((target, body)) = read(&mut socket).await {
        let fault = locked(&way.plan).next_fault(&target, &body);
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
        let request = way.client.post(&way.server).header("x-amz-target", &target);
        let request =
            request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
        let request = request.header("x-amz-date", DATE);
        let Ok(response) = request.body(body).send().await else { return };
        let status = response.status().as_u16();
        let Ok(answer) = response.bytes().await else { return };
        if let Some(calls) = &mut locked(&way.plan).calls {
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
