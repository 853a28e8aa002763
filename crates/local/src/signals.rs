//! Ctrl-C and its like.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Somebody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("stopped by {0}")]
pub struct Stopped(&'static str);

/// The signals that ask this program to stop.
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// Not where `nohup` asked for it to be ignored.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Listens from now on.
    pub fn new() -> std::io::Result<Self> {
        let hangup = if hangup_is_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    /// The work, unless a signal comes first; it is dropped then.
    pub async fn interrupt<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            name = self.next() => Err(Stopped(name)),
            result = work => Ok(result),
        }
    }

    /// Waits for the next one; its name.
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

/// The lowest bit of the mask that the kernel shows is signal 1, SIGHUP.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
