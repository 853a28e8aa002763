//! A TCP proxy between functions and database that breaks connections, for `./dev chaos` and the tests.
//!
//! Written here: there is no maintained crate for it, and toxiproxy would be one more program to install.

use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The state of the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Open,
    /// Delays everything, in both directions.
    Slow(Duration),
    /// Delays everything until the next state. Statements that a function gave up long ago then still reach the server.
    Stalled,
    /// Accepts connections and drops all bytes.
    BlackHole,
    /// Passes everything to the server, and drops its answers.
    AnswersDropped,
    /// Cuts all connections and accepts no new ones.
    Refusing,
}

impl Link {
    /// Whether connections are broken afterwards.
    fn loses_bytes(self) -> bool {
        matches!(self, Self::BlackHole | Self::AnswersDropped)
    }
}

/// Where to break a connection: at the first packet from the client that contains this text.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Closes both ends before the server sees the packet.
    Before(&'static str),
    /// Closes both ends after the server has answered, and drops the answer.
    After(&'static str),
    /// Closes nothing, but passes nothing from this packet on.
    SilenceBefore(&'static str),
    /// Closes nothing, but passes nothing after this packet, which the server carries out.
    SilenceAfter(&'static str),
}

#[derive(Clone, Copy)]
struct State {
    link: Link,
    /// Counts the cuts: a connection from before the last one ends.
    cuts: u64,
    /// Counts the silences: a connection from before the last one passes nothing.
    silences: u64,
    next: Option<Cut>,
    /// How many connections to refuse after the next cut.
    refusals_after_cut: u32,
    /// How many connections to refuse from now on.
    refusals: u32,
}

const OPEN: State = State { link: Link::Open, cuts: 0, silences: 0, next: None, refusals_after_cut: 0, refusals: 0 };

/// A running proxy. Its connections end with it.
pub struct Proxy {
    pub port: u16,
    state: watch::Sender<State>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Listens on `listen` (port 0: any), and connects from the address `source` to the server's port.
    pub async fn start(listen: (Ipv4Addr, u16), source: Ipv4Addr, server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let port = listener.local_addr()?.port();
        let state = watch::Sender::new(OPEN);
        let followed = state.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                // For example too many open files: try the next connection.
                let Ok((client, _)) = listener.accept().await else { continue };
                if is_let_in(&followed) {
                    connections.spawn(serve(client, source, server, followed.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, state, _task: task })
    }

    /// Changes the state. Cuts connections that lost bytes in the old one.
    pub fn set(&self, link: Link) {
        self.state.send_modify(|state| {
            if state.link.loses_bytes() || link == Link::Refusing {
                state.cuts += 1;
            }
            state.link = link;
        });
    }

    pub fn cut_all(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// From now on, existing connections pass nothing; new ones work.
    pub fn silence_connections(&self) {
        self.state.send_modify(|state| state.silences += 1);
    }

    /// Breaks one connection: the first on which the text appears.
    pub fn cut(&self, cut: Cut) {
        self.cut_then_refuse(cut, 0);
    }

    /// The same. Afterwards refuses the next `refusals_after_cut` connections.
    pub fn cut_then_refuse(&self, cut: Cut, refusals_after_cut: u32) {
        self.state.send_modify(|state| *state = State { next: Some(cut), refusals_after_cut, refusals: 0, ..*state });
    }

    /// Refuses the next `refusals` connections.
    pub fn refuse_next(&self, refusals: u32) {
        self.state.send_modify(|state| *state = State { next: None, refusals_after_cut: 0, refusals, ..*state });
    }

    /// Whether all connections to refuse have been refused.
    pub fn has_refused_all(&self) -> bool {
        self.state.borrow().refusals == 0
    }

    /// Whether the cut has been made.
    pub fn has_cut(&self) -> bool {
        self.state.borrow().next.is_none()
    }
}

fn is_let_in(state: &watch::Sender<State>) -> bool {
    let mut is_let_in = false;
    state.send_if_modified(|state| {
        is_let_in = state.refusals == 0 && state.link != Link::Refusing;
        let is_counted = state.refusals > 0;
        state.refusals = state.refusals.saturating_sub(1);
        is_counted
    });
    is_let_in
}

/// Serves one connection until either end closes it or it is cut.
async fn serve(client: TcpStream, source: Ipv4Addr, server: u16, state: watch::Sender<State>) {
    let (mut follow, cuts) = (state.subscribe(), state.borrow().cuts);
    tokio::select! {
        _ = pass(client, source, server, &state) => {}
        _ = follow.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Copies bytes in both directions. After a silence it never returns.
async fn pass(mut client: TcpStream, source: Ipv4Addr, server: u16, state: &watch::Sender<State>) -> io::Result<()> {
    let ([mut follow, mut muted], silences) = ([state.subscribe(), state.subscribe()], state.borrow().silences);
    let muted = async { muted.wait_for(|state| state.silences != silences).await.map(drop) };
    let mut muted = pin!(muted);
    // Connect from another address than the server's: on loopback, a connection to a port without a listener can connect to
    // itself, and would then block the port for a restarted server.
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let mut server = socket.connect((Ipv4Addr::LOCALHOST, server).into()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let packet = &sent[..read?];
                let cut = take_if_due(state, packet);
                match cut {
                    Some(Cut::SilenceBefore(_)) => pending().await,
                    Some(Cut::Before(_)) => return Ok(()),
                    _ if packet.is_empty() => return Ok(()),
                    _ => {}
                }
                if arrives(&mut follow, Link::BlackHole).await? {
                    server.write_all(packet).await?;
                }
                match cut {
                    Some(Cut::SilenceAfter(_)) => pending().await,
                    Some(_) => return server.read(&mut answered).await.map(drop),
                    None => {}
                }
            }
            read = server.read(&mut answered) => {
                let packet = &answered[..read?];
                if packet.is_empty() {
                    return Ok(());
                }
                if arrives(&mut follow, Link::AnswersDropped).await? {
                    client.write_all(packet).await?;
                }
            }
            _ = &mut muted => pending().await,
        }
    }
}

/// Waits as long as the state requires. Returns whether the packet arrives; `losing` is the state that loses its direction.
async fn arrives(state: &mut watch::Receiver<State>, losing: Link) -> io::Result<bool> {
    let link = state.wait_for(|state| state.link != Link::Stalled).await.map_err(io::Error::other)?.link;
    if let Link::Slow(by) = link {
        tokio::time::sleep(by).await;
    }
    Ok(link != Link::BlackHole && link != losing)
}

fn take_if_due(state: &watch::Sender<State>, packet: &[u8]) -> Option<Cut> {
    let (Cut::Before(text) | Cut::After(text) | Cut::SilenceBefore(text) | Cut::SilenceAfter(text)) =
        state.borrow().next?;
    if !packet.windows(text.len()).any(|window| window == text.as_bytes()) {
        return None;
    }
    let mut cut = None;
    state.send_modify(|state| {
        cut = state.next.take();
        state.refusals = state.refusals_after_cut;
    });
    cut
}
