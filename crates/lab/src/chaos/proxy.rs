//! The only way from the functions to the database, and what can happen on it.
//!
//! Written here: there is no well-kept crate for it, and a tool like toxiproxy would be one more program to install. It
//! is a copy loop; what matters is what becomes of bytes that are under way.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the way is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Everything takes so much longer, in both directions.
    Slow(Duration),
    /// Nothing passes, and everything comes later: what a function gave up long ago still reaches the server.
    Jammed,
    /// Connections are taken, and nothing ever comes out.
    Swallowing,
    /// The server gets everything, its answers are lost.
    WithoutAnswers,
    /// No new connections.
    Refusing,
}

impl Way {
    /// Whether a connection is of no more use afterwards.
    fn loses_bytes(self) -> bool {
        matches!(self, Self::Swallowing | Self::WithoutAnswers)
    }
}

#[derive(Clone, Copy)]
struct State {
    way: Way,
    /// A connection that began under another number is cut.
    cuts: u64,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToFunction,
}

/// Listens on `127.0.0.1:port`, for the server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (state, follow) = watch::channel(State { way: Way::Open, cuts: 0 });
        let task = tokio::spawn(async move {
            loop {
                // Out of file descriptors, or the like: the next one may do.
                let Ok((function, _)) = listener.accept().await else { continue };
                if follow.borrow().way != Way::Refusing {
                    tokio::spawn(serve(function, server, follow.clone()));
                }
            }
        });
        Ok(Self { port, state, task })
    }

    /// From now on. Connections that lost bytes on the old way are cut.
    pub(crate) fn set(&self, way: Way) {
        self.state.send_modify(|state| {
            if state.way.loses_bytes() {
                state.cuts += 1;
            }
            state.way = way;
        });
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

/// Closes both ends when either one does, or when connections are cut.
async fn serve(function: TcpStream, server: u16, mut state: watch::Receiver<State>) {
    let cuts = state.borrow().cuts;
    let passing = pass(function, server, state.clone());
    tokio::select! {
        _ = passing => {}
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn pass(function: TcpStream, server: u16, state: watch::Receiver<State>) -> io::Result<()> {
    // From another address than the server's: on loopback a connection to a port where nobody listens can meet itself,
    // and would then keep a server that starts again from its port.
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 2], 0).into())?;
    let server = socket.connect(([127, 0, 0, 1], server).into()).await?;
    function.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_function, to_function) = function.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        ended = pump(from_function, to_server, Direction::ToServer, state.clone()) => ended,
        ended = pump(from_server, to_function, Direction::ToFunction, state) => ended,
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    direction: Direction,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // An error: the proxy is gone, and this with it.
        let now = *state.wait_for(|state| state.way != Way::Jammed).await.map_err(io::Error::other)?;
        match (now.way, direction) {
            (Way::Swallowing, _) | (Way::WithoutAnswers, Direction::ToFunction) => continue,
            (Way::Slow(by), _) => tokio::time::sleep(by).await,
            _ => {}
        }
        to.write_all(&buffer[..length]).await?;
    }
}
