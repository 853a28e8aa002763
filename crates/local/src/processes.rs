//! Processes of this machine: their state from `/proc`, and signals.

use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Sends a signal. Not an error if the process is gone.
pub fn signal(id: u32, signal: Signal) -> io::Result<()> {
    match i32::try_from(id).map(|id| kill(Pid::from_raw(id), signal)) {
        Ok(Err(Errno::EPERM)) => Err(io::Error::other(format!("process {id} is another user's; end it first"))),
        _ => Ok(()),
    }
}

/// Sends a signal to the process group of this leader. Not an error if it is gone.
pub fn signal_group(leader: u32, signal: Signal) {
    if let Ok(id) = i32::try_from(leader) {
        let _ = killpg(Pid::from_raw(id), signal);
    }
}

/// The child processes of a process.
pub fn children_of(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    // A thread may have ended in between.
    let children = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    children.flat_map(|ids| ids.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Whether a process runs this program. A zombie runs none.
pub fn runs(id: u32, program: &Path) -> bool {
    std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|path| path == program)
}

/// Whether a process listens on this port of the loopback address.
#[must_use]
pub fn listens(id: u32, port: u16) -> bool {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    // Local address in hexadecimal, bytes reversed; state 0A: it listens; the tenth column: the socket's number.
    let address = format!("0100007F:{port:04X}");
    let columns = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = columns.filter(|columns| columns.get(1) == Some(&&*address) && columns.get(3) == Some(&"0A"));
    let sockets: Vec<_> = listening.filter_map(|columns| Some(format!("socket:[{}]", columns.get(9)?))).collect();
    let files = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| sockets.iter().any(|socket| target == Path::new(socket)))
}

/// The peak memory of a process so far, in megabytes of 1,000,000 bytes.
pub fn peak_memory(id: u32) -> Option<f64> {
    megabytes(&field(&status(id), "VmHWM:")?)
}

/// The kernel's kB are 1024 bytes.
fn megabytes(size: &str) -> Option<f64> {
    let kibibytes: f64 = size.strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024.0 / 1e6)
}

/// Whether a process is ending: its memory is gone, or SIGKILL is pending.
pub(crate) fn is_ending(id: u32) -> bool {
    let status = status(id);
    let is_killed = |name| mask(&status, name).is_none_or(|mask| mask & (1 << (Signal::SIGKILL as i32 - 1)) != 0);
    field(&status, "VmSize:").is_none() || is_killed("SigPnd:") || is_killed("ShdPnd:")
}

/// Whether this process ignores a signal.
pub(crate) fn ignores(signal: Signal) -> bool {
    mask(&status(std::process::id()), "SigIgn:").is_some_and(|mask| mask & (1 << (signal as i32 - 1)) != 0)
}

/// A set of signals. The lowest bit is signal 1.
fn mask(status: &str, name: &str) -> Option<u64> {
    u64::from_str_radix(&field(status, name)?, 16).ok()
}

fn status(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default()
}

fn field(status: &str, name: &str) -> Option<String> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status_of_a_process() {
        let status = "Name:\tpost-log\nVmPeak:\t   90000 kB\nVmHWM:\t    6250 kB\nVmRSS:\t    5000 kB\n";
        let peak = field(status, "VmHWM:").and_then(|size| megabytes(&size)).expect("it has one");
        assert!((peak - 6.4).abs() < 1e-9);
        assert!(field("Name:\tpost-log\n", "VmHWM:").is_none());
    }
}
