//! The way from the functions to the database, and what can happen on it: `./dev chaos` and the tests break it.
//!
//! Written here: there is no well-kept crate for it, and a tool like toxiproxy would be one more program to install. It
//! is a copy loop; what matters is what becomes of bytes that are under way.

use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the way is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// Everything takes so much longer, in both directions.
    Slow(Duration),
    /// Nothing passes, and everything comes later: what a function gave up long ago still reaches the server.
    Jammed,
    /// Connections are taken, and nothing ever comes out.
    Swallowing,
    /// The server gets everything, its answers are lost.
    WithoutAnswers,
    /// All connections are cut, and there are no new ones.
    Refusing,
}

impl Way {
    /// Whether a connection is of no more use afterwards.
    fn loses_bytes(self) -> bool {
        matches!(self, Self::Swallowing | Self::WithoutAnswers)
    }
}

/// Where a connection breaks: at the first packet from the client with this text in it.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Both ends are closed, and the server never sees the packet.
    Before(&'static str),
    /// Both ends are closed when the server has carried it out; its answer is lost.
    After(&'static str),
    /// Nothing is closed, nothing passes any more, and the server never sees the packet.
    SilenceBefore(&'static str),
    /// Nothing is closed, nothing passes any more, and the server has carried it out.
    SilenceAfter(&'static str),
}

#[derive(Clone, Copy)]
struct State {
    way: Way,
    /// A connection that began under another number is cut.
    cuts: u64,
    /// On a connection that began under another number nothing passes.
    silences: u64,
    next: Option<Cut>,
    /// After the next cut so many who connect find nobody.
    closed_for: u32,
    /// So many who connect find nobody.
    turns_away: u32,
}

const OPEN: State = State { way: Way::Open, cuts: 0, silences: 0, next: None, closed_for: 0, turns_away: 0 };

/// Listens on `127.0.0.1:port`, for the server. Connections end with it.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    state: watch::Sender<State>,
    _task: JoinSet<()>,
}

impl Proxy {
    /// Between `listen` (port 0 is any) and the server's port, to which it connects from the address `source`.
    pub async fn start(listen: (Ipv4Addr, u16), source: Ipv4Addr, server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let port = listener.local_addr()?.port();
        let state = watch::Sender::new(OPEN);
        let followed = state.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                // Out of file descriptors, or the like: the next one may do.
                let Ok((client, _)) = listener.accept().await else { continue };
                if is_let_in(&followed) {
                    connections.spawn(serve(client, source, server, followed.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, state, _task: task })
    }

    /// From now on. Connections that lost bytes on the old way are cut.
    pub fn set(&self, way: Way) {
        self.state.send_modify(|state| {
            if state.way.loses_bytes() || way == Way::Refusing {
                state.cuts += 1;
            }
            state.way = way;
        });
    }

    /// Ends all connections.
    pub fn cut_all(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// From now on nothing passes on the connections that there are; new ones work.
    pub fn forget_connections(&self) {
        self.state.send_modify(|state| state.silences += 1);
    }

    /// Once, on whichever connection comes to it first.
    pub fn cut(&self, cut: Cut) {
        self.cut_and_turn_away(cut, 0);
    }

    /// The same, and so many who connect afterwards find nobody.
    pub fn cut_and_turn_away(&self, cut: Cut, closed_for: u32) {
        self.state.send_modify(|state| *state = State { next: Some(cut), closed_for, turns_away: 0, ..*state });
    }

    /// From now on so many who connect find nobody.
    pub fn turn_away(&self, turns_away: u32) {
        self.state.send_modify(|state| *state = State { next: None, closed_for: 0, turns_away, ..*state });
    }

    /// Whether everybody who was to find nobody has.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.borrow().turns_away == 0
    }

    /// Whether the cut has been made.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.state.borrow().next.is_none()
    }
}

fn is_let_in(state: &watch::Sender<State>) -> bool {
    let mut is_let_in = false;
    state.send_if_modified(|state| {
        is_let_in = state.turns_away == 0 && state.way != Way::Refusing;
        let is_counted = state.turns_away > 0;
        state.turns_away = state.turns_away.saturating_sub(1);
        is_counted
    });
    is_let_in
}

/// Closes both ends when either one does, or when connections are cut.
async fn serve(client: TcpStream, source: Ipv4Addr, server: u16, state: watch::Sender<State>) {
    let (mut follow, cuts) = (state.subscribe(), state.borrow().cuts);
    tokio::select! {
        _ = pass(client, source, server, &state) => {}
        _ = follow.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Passes everything on. After a silence it never returns.
async fn pass(mut client: TcpStream, source: Ipv4Addr, server: u16, state: &watch::Sender<State>) -> io::Result<()> {
    let ([mut follow, mut muted], silences) = ([state.subscribe(), state.subscribe()], state.borrow().silences);
    let muted = async { muted.wait_for(|state| state.silences != silences).await.map(drop) };
    let mut muted = pin!(muted);
    // From an address that is not the server's: on loopback a connection to a port where nobody listens can meet itself,
    // and would then keep a server that starts again from its port.
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
                if arrives(&mut follow, Way::Swallowing).await? {
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
                if arrives(&mut follow, Way::WithoutAnswers).await? {
                    client.write_all(packet).await?;
                }
            }
            _ = &mut muted => pending().await,
        }
    }
}

/// Waits as long as the way takes. Whether a packet arrives: not when all are lost, nor on the way that loses its kind.
async fn arrives(state: &mut watch::Receiver<State>, losing: Way) -> io::Result<bool> {
    let way = state.wait_for(|state| state.way != Way::Jammed).await.map_err(io::Error::other)?.way;
    if let Way::Slow(by) = way {
        tokio::time::sleep(by).await;
    }
    Ok(way != Way::Swallowing && way != losing)
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
        state.turns_away = state.closed_for;
    });
    cut
}
