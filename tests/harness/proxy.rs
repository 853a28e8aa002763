//! A way to the database that breaks at a chosen point.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Where a connection is cut: at the first packet from the client with this text in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// The server never sees it.
    Before(&'static str),
    /// The server has carried it out; its answer is lost.
    After(&'static str),
}

/// Passes everything on between `127.0.0.1:port` and the server, until a cut is due.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    plan: Arc<Mutex<Plan>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Plan {
    next: Option<Cut>,
    /// Whether the way stays closed after the cut.
    for_good: bool,
    is_closed: bool,
}

impl Proxy {
    /// In front of this port.
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port can be had");
        let port = listener.local_addr().expect("it has an address").port();
        let plan = Arc::new(Mutex::new(Plan::default()));
        let followed = Arc::clone(&plan);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !followed.lock().expect("nobody panics here").is_closed {
                    tokio::spawn(pass_on(client, server, Arc::clone(&followed)));
                }
            }
        });
        Self { port, plan, task }
    }

    /// Once, on whichever connection comes to it first.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.plan.lock().expect("nobody panics here") = Plan { next: Some(cut), ..Plan::default() };
    }

    /// The same, and who connects afterwards finds nobody.
    pub(crate) fn cut_for_good(&self, cut: Cut) {
        *self.plan.lock().expect("nobody panics here") = Plan { next: Some(cut), for_good: true, is_closed: false };
    }

    /// Whether the cut has been made.
    pub(crate) fn has_cut(&self) -> bool {
        self.plan.lock().expect("nobody panics here").next.is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns, and so closes both ends, when either end does or the cut is made.
async fn pass_on(mut client: TcpStream, server: u16, plan: Arc<Mutex<Plan>>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (mut sent, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut sent) => {
                let Ok(length @ 1..) = read else { return };
                let cut = take_if_due(&plan, &sent[..length]);
                if matches!(cut, Some(Cut::Before(_))) || server.write_all(&sent[..length]).await.is_err() {
                    return;
                }
                if cut.is_some() {
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn take_if_due(plan: &Mutex<Plan>, sent: &[u8]) -> Option<Cut> {
    let mut plan = plan.lock().expect("nobody panics here");
    let (Cut::Before(text) | Cut::After(text)) = plan.next?;
    if !sent.windows(text.len()).any(|window| window == text.as_bytes()) {
        return None;
    }
    plan.is_closed = plan.for_good;
    plan.next.take()
}
