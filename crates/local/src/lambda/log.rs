//! A bounded log: the current file, and the previous one.
//!
//! Each environment writes to the file itself, so lines are never torn and survive a kill. A running process cannot be told
//! to write elsewhere. So a full file is renamed, and the environments that write to it stop after their event.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Opens a log for appending. Other processes may append to it as well.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// For the standard error of a process: a log, or our own standard error.
pub(crate) fn output(log_file: Option<&Path>) -> io::Result<Stdio> {
    log_file.map_or_else(|| Ok(Stdio::inherit()), |file| open(file).map(Stdio::from))
}

/// The end of a sentence about a process that failed.
pub(crate) fn hint(log_file: Option<&Path>) -> String {
    log_file.map_or_else(String::new, |file| format!("; {} says why", file.display()))
}

/// Renames a log of `max_bytes` or more to `….log.1`, replacing the previous one.
pub(crate) fn rotate(path: &Path, max_bytes: u64) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(log) if log.len() >= max_bytes => fs::rename(path, before(path)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The log of this program itself. A single write is never split over two files.
pub(crate) struct BoundedLog {
    path: PathBuf,
    max_bytes: u64,
    file: File,
}

impl BoundedLog {
    pub(crate) fn open(path: PathBuf, max_bytes: u64) -> io::Result<Self> {
        Ok(Self { file: open(&path)?, path, max_bytes })
    }
}

impl Write for BoundedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // If it cannot be renamed, it keeps growing.
        if self.file.metadata()?.len() >= self.max_bytes
            && rotate(&self.path, self.max_bytes).is_ok()
            && let Ok(file) = open(&self.path)
        {
            self.file = file;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Identifies an open file, even after it was renamed (device and inode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|file| Self(file.dev(), file.ino()))
    }

    /// Whether this path still is the file.
    pub(super) fn is_at(self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|file| self == Self(file.dev(), file.ino()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary_folder::TemporaryFolder;

    #[test]
    fn a_full_log_is_renamed_and_only_one_old_log_is_kept() {
        let folder = TemporaryFolder::new("log").unwrap();
        let path = folder.path().join("function.log");
        let before = folder.path().join("function.log.1");
        rotate(&path, 4).unwrap();
        open(&path).unwrap().write_all(b"old").unwrap();
        rotate(&path, 4).unwrap();
        assert!(!before.exists(), "there is room");
        for (written, kept) in [("\n", "old\n"), ("new\n", "new\n")] {
            let mut writer = open(&path).unwrap();
            let identity = Identity::of(&writer).unwrap();
            writer.write_all(written.as_bytes()).unwrap();
            assert!(identity.is_at(&path));
            rotate(&path, 4).unwrap();
            assert!(!identity.is_at(&path));
            assert_eq!(fs::read_to_string(&before).unwrap(), kept);
            open(&path).unwrap();
            assert!(!identity.is_at(&path), "a new file is another one");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_log_of_this_program_continues_in_a_new_file_with_whole_lines() {
        let folder = TemporaryFolder::new("log").unwrap();
        let path = folder.path().join("gateways.log");
        let mut log = BoundedLog::open(path.clone(), 8).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(before(&path)).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }
}
