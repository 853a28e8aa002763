//! A way to DynamoDB that fails as it is told, and counts what passes.

use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Table;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 400 with this code of an error; the server never sees it.
    Refuse(&'static str),
    /// 500; the server never sees it.
    InternalError,
    /// The connection is closed; the server never sees it.
    CutBefore,
    /// The server carries it out, and the connection is closed.
    CutAfter,
    /// The server carries it out, and nothing comes back.
    SilenceAfter,
    /// The server carries it out, and what comes back is no answer.
    NonsenseAfter,
}

/// One request that passed.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `PutItem`, `Query` …
    pub(crate) operation: String,
    /// Consumed capacity.
    pub(crate) units: f64,
}

#[derive(Default)]
struct Plan {
    /// The next requests with this text fail so.
    faults: Vec<(&'static str, Fault, usize)>,
    calls: Vec<Call>,
}

/// Passes requests on to a table's server, unless it is told otherwise.
pub(crate) struct FaultProxy {
    pub(crate) url: String,
    plan: Arc<Mutex<Plan>>,
    /// Ends with the proxy, connections and all.
    _task: JoinSet<()>,
}

impl FaultProxy {
    pub(crate) async fn before(table: &Table) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port can be had");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let plan = Arc::new(Mutex::new(Plan::default()));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client can be made");
        let (followed, server) = (Arc::clone(&plan), table.url.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, server.clone(), client.clone(), Arc::clone(&followed)));
            }
        });
        Self { url, plan, _task: task }
    }

    /// So many of the next requests that have this text (an operation, a key) fail so.
    pub(crate) fn fail(&self, text: &'static str, fault: Fault, times: usize) {
        self.plan.lock().expect("nobody panics here").faults.push((text, fault, times));
    }

    /// Whether all faults that were planned have happened.
    pub(crate) fn has_failed(&self) -> bool {
        self.plan.lock().expect("nobody panics here").faults.is_empty()
    }

    /// From now on everything passes.
    pub(crate) fn heal(&self) {
        self.plan.lock().expect("nobody panics here").faults.clear();
    }

    /// What has passed since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.plan.lock().expect("nobody panics here").calls)
    }
}

/// Requests of one connection, one after the other.
async fn serve(socket: TcpStream, server: String, client: reqwest::Client, plan: Arc<Mutex<Plan>>) {
    let mut socket = BufReader::new(socket);
    while let Some((target, body)) = read(&mut socket).await {
        let fault = next_fault(&plan, &target, &body);
        match fault {
            Some(Fault::Refuse(code)) => {
                let text = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"by the test"}}"#);
                write(&mut socket, 400, text.as_bytes()).await;
                continue;
            }
            Some(Fault::InternalError) => {
                write(&mut socket, 500, br#"{"__type":"InternalServerError","message":"by the test"}"#).await;
                continue;
            }
            Some(Fault::CutBefore) => return,
            _ => {}
        }
        let request = client.post(&server).header("x-amz-target", &target);
        let request =
            request.header("content-type", "application/x-amz-json-1.0").header("authorization", AUTHORIZATION);
        let request = request.header("x-amz-date", DATE);
        let Ok(response) = request.body(body).send().await else { return };
        let status = response.status().as_u16();
        let Ok(answer) = response.bytes().await else { return };
        note(&plan, &target, &answer);
        match fault {
            Some(Fault::CutAfter) => return,
            Some(Fault::SilenceAfter) => pending().await,
            Some(Fault::NonsenseAfter) => write(&mut socket, 200, b"<html>by the test").await,
            _ => write(&mut socket, status, &answer).await,
        }
    }
}

pub(super) const DATE: &str = "20260101T000000Z";

/// Nobody looks at the signature.
pub(super) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=none";

/// The operation with its version, and the body. `None` when the client is gone.
async fn read(socket: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.clone_into(&mut target),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((target, body))
}

async fn write(socket: &mut BufReader<TcpStream>, status: u16, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = socket.get_mut().write_all(&[head.as_bytes(), body].concat()).await;
}

fn next_fault(plan: &Mutex<Plan>, target: &str, body: &[u8]) -> Option<Fault> {
    let request = [target.as_bytes(), body].concat();
    let mut plan = plan.lock().expect("nobody panics here");
    let has = |text: &str| request.windows(text.len()).any(|window| window == text.as_bytes());
    let place = plan.faults.iter().position(|(text, ..)| has(text))?;
    let (_, fault, times) = &mut plan.faults[place];
    let fault = *fault;
    *times -= 1;
    if *times == 0 {
        plan.faults.remove(place);
    }
    Some(fault)
}

fn note(plan: &Mutex<Plan>, target: &str, answer: &[u8]) {
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let of = |consumed: &Value| consumed["CapacityUnits"].as_f64().unwrap_or_default();
    let units = match &answer["ConsumedCapacity"] {
        Value::Array(all) => all.iter().map(of).sum(),
        one => of(one),
    };
    plan.lock().expect("nobody panics here").calls.push(Call { operation, units });
}
