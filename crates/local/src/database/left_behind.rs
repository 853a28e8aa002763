//! Ends a server that a killed run left behind. A file in its folder has the process id.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::processes::signal;

/// Extension of an incomplete data folder.
pub(super) const UNFINISHED: &str = "unfinished";

/// How long a server may take to flush its memory to the disk.
pub(super) const STOP_LIMIT: Duration = Duration::from_mins(1);

pub(super) fn process_file(folder: &Path) -> PathBuf {
    folder.join("server.pid")
}

/// Writes the process id into the folder, for the next run after a kill -9 of this one.
pub(super) fn note_process(folder: &Path, process: &Child) -> io::Result<()> {
    process.id().map_or(Ok(()), |id| fs::write(process_file(folder), id.to_string()))
}

/// Ends the process whose id is in the folder, if it is still a server of this folder.
pub async fn end_left_behind(folder: &Path) -> io::Result<()> {
    let file = process_file(folder);
    let Some(id) = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return Ok(());
    };
    let started = Instant::now();
    while let Some(argument) = data_of_server(id, folder) {
        // A server that initializes a data folder ignores SIGTERM; its unfinished folder is useless anyway.
        let is_worth_waiting = !argument.ends_with(UNFINISHED) && started.elapsed() < STOP_LIMIT;
        signal(id, if is_worth_waiting { Signal::SIGTERM } else { Signal::SIGKILL })?;
        sleep(Duration::from_millis(100)).await;
    }
    fs::remove_file(file)
}

/// The data folder of a process, if that is a server of `folder`.
fn data_of_server(id: u32, folder: &Path) -> Option<String> {
    let arguments = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let marker = format!("--datadir={}/", folder.display());
    let arguments = arguments.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    arguments.into_iter().find(|argument| argument.starts_with(&marker)).map(Into::into)
}
