//! A way to the database that breaks at a chosen point.

use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use sqlx::mysql::MySqlConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Database;

/// Where a connection breaks: at the first packet from the client with this text in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Both ends are closed, and the server never sees the packet.
    Before(&'static str),
    /// Both ends are closed when the server has carried it out; its answer is lost.
    After(&'static str),
    /// Nothing is closed, nothing passes any more, and the server never sees the packet.
    SilenceBefore(&'static str),
    /// Nothing is closed, nothing passes any more, and the server has carried it out.
    SilenceAfter(&'static str),
}

/// Passes everything on between an address of its own and the server, until it is told to break.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    plan: Arc<Mutex<Plan>>,
    silent: watch::Sender<()>,
    /// Ends with the proxy, connections and all.
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Plan {
    next: Option<Cut>,
    /// After the cut the way is closed for so many.
    closed_for: u32,
    /// So many who connect find nobody.
    turns_away: u32,
}

impl Proxy {
    /// The URL of the same database past a proxy.
    pub(crate) async fn before(database: &Database) -> (String, Self) {
        let url: MySqlConnectOptions = database.url.parse().expect("the URL is one");
        let proxy = Self::start_at((Ipv4Addr::LOCALHOST, 0), url.get_port()).await;
        (database.url.replacen(&format!(":{}/", url.get_port()), &format!(":{}/", proxy.port), 1), proxy)
    }

    /// From this address to that port; port 0 is any.
    pub(crate) async fn start_at(address: (Ipv4Addr, u16), server: u16) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address can be had");
        let port = listener.local_addr().expect("it has an address").port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let followed = Arc::clone(&plan);
        let (silent, hushed) = watch::channel(());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if !turns_away(&followed) {
                    connections.spawn(pass_on(client, server, Arc::clone(&followed), hushed.clone()));
                }
            }
        });
        Self { port, plan, silent, _task: task }
    }

    /// Once, on whichever connection comes to it first.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.plan.lock().expect("nobody panics here") = Plan { next: Some(cut), ..Plan::default() };
    }

    /// The same, and who connects afterwards finds nobody.
    pub(crate) fn cut_for_good(&self, cut: Cut) {
        self.cut_and_turn_away(cut, u32::MAX);
    }

    /// The same, and so many who connect afterwards find nobody.
    pub(crate) fn cut_and_turn_away(&self, cut: Cut, closed_for: u32) {
        *self.plan.lock().expect("nobody panics here") = Plan { next: Some(cut), closed_for, turns_away: 0 };
    }

    /// From now on so many who connect find nobody.
    pub(crate) fn turn_away(&self, turns_away: u32) {
        *self.plan.lock().expect("nobody panics here") = Plan { turns_away, ..Plan::default() };
    }

    /// Whether everybody who was to find nobody has.
    pub(crate) fn is_open(&self) -> bool {
        self.plan.lock().expect("nobody panics here").turns_away == 0
    }

    /// Whether the cut has been made.
    pub(crate) fn has_cut(&self) -> bool {
        self.plan.lock().expect("nobody panics here").next.is_none()
    }

    /// From now on nothing passes on the connections that there are; new ones work.
    pub(crate) fn forget_connections(&self) {
        self.silent.send_replace(());
    }
}

/// Returns, and so closes both ends, when either end does or a cut is made. After silence it never returns.
async fn pass_on(mut client: TcpStream, server: u16, plan: Arc<Mutex<Plan>>, mut hushed: watch::Receiver<()>) {
    hushed.mark_unchanged();
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(length @ 1..) = read else { return };
                let cut = take_if_due(&plan, &sent[..length]);
                match cut {
                    Some(Cut::Before(_)) => return,
                    Some(Cut::SilenceBefore(_)) => pending().await,
                    _ => {}
                }
                if server.write_all(&sent[..length]).await.is_err() {
                    return;
                }
                match cut {
                    None => {}
                    Some(Cut::SilenceAfter(_)) => pending().await,
                    Some(_) => {
                        let _ = server.read(&mut answered).await;
                        return;
                    }
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            _ = hushed.changed() => pending().await,
        }
    }
}

fn turns_away(plan: &Mutex<Plan>) -> bool {
    let mut plan = plan.lock().expect("nobody panics here");
    let is_closed = plan.turns_away > 0;
    plan.turns_away = plan.turns_away.saturating_sub(1);
    is_closed
}

fn take_if_due(plan: &Mutex<Plan>, sent: &[u8]) -> Option<Cut> {
    let mut plan = plan.lock().expect("nobody panics here");
    let (Cut::Before(text) | Cut::After(text) | Cut::SilenceBefore(text) | Cut::SilenceAfter(text)) = plan.next?;
    if !sent.windows(text.len()).any(|window| window == text.as_bytes()) {
        return None;
    }
    plan.turns_away = plan.closed_for;
    plan.next.take()
}
