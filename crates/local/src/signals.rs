//! Ctrl-C, SIGTERM and SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::processes::ignores;

#[derive(Debug, thiserror::Error)]
#[error("stopped by {0}")]
pub struct Stopped(&'static str);

/// Listens for the signals that ask this program to stop.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, which ignores it.
    hangup: Option<Signal>,
}

impl StopSignals {
    pub fn new() -> std::io::Result<Self> {
        let hangup = if ignores(nix::sys::signal::Signal::SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    /// Does the work. If a signal comes first, drops it.
    pub async fn interrupt<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            name = self.next() => Err(Stopped(name)),
            result = work => Ok(result),
        }
    }

    /// Waits for the next signal. Returns its name.
    pub async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "the terminal was closed",
        }
    }
}
