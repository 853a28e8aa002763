//! A temporary folder for one run or test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Deleted when this value is dropped, unless [`keep`](Self::keep) was called.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    is_kept: bool,
}

impl TemporaryFolder {
    /// `owner` becomes part of the name.
    pub fn new(owner: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("logs-{owner}-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path)?;
        Ok(Self { path, is_kept: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A server that was killed during its start may still write a file.
        for _ in 0..20 {
            if self.is_kept || fs::remove_dir_all(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
