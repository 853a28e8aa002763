//! The state folder and its files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::endpoints::Endpoints;
use super::keys::Keys;
use super::{unusable, write_private};
use crate::Failure;

/// The state folder, held by one run at a time.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// The kernel releases it when the process ends, even by kill -9.
    _lock: File,
}

/// Locked by the run that uses the folder. This file marks a folder as ours.
const LOCK: &str = "lock";

/// Our files, beside folders and messages.
const OURS: [&str; 5] = ["endpoints.json", "endpoints.unfinished", "keys.json", "keys.unfinished", LOCK];

/// Start and end of the names of files with messages, and of the files that moto puts beside them.
const MESSAGES: &str = "messages";
const MESSAGES_ENDS: [&str; 3] = [".jsonl", ".jsonl.unfinished", ".jsonl.lock"];

impl StateFolder {
    /// Locks the folder, and creates it if it is missing. Deletes `endpoints.json` of an earlier run. Refuses a folder with
    /// other files, because `reset` deletes and other users lose access.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| unusable(path, &error);
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let lock_file = path.join(LOCK);
        let is_empty = fs::read_dir(&path).map_err(failed)?.next().is_none();
        if !is_empty && !lock_file.is_file() {
            let advice = "choose an empty or a new folder with --state";
            return Err(format!("{} contains files that ./dev did not create; {advice}", path.display()).into());
        }
        // Data, keys and logs are for this user only.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let lock = OpenOptions::new().create(true).append(true).open(lock_file).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let advice = "stop that one first (Ctrl-C in its terminal)";
                return Err(format!("{} is in use by a run that has not ended; {advice}", path.display()).into());
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let folder = Self { path, _lock: lock };
        folder.withdraw_endpoints();
        fs::create_dir_all(folder.logs()).map_err(failed)?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// For the data of the private database server.
    pub fn database(&self) -> PathBuf {
        self.path.join("database")
    }

    /// For the data of the private table.
    pub fn table(&self) -> PathBuf {
        self.path.join("dynamodb")
    }

    /// The file that keeps messages for the private database, or for the one that `database` identifies.
    pub fn messages(&self, database: Option<&str>) -> PathBuf {
        let digest = |name| format!("-{}", hex::encode(&Sha256::digest(name)[..8]));
        self.path.join(format!("{MESSAGES}{}.jsonl", database.map(digest).unwrap_or_default()))
    }

    /// Reads the keys. Creates them the first time.
    pub fn keys(&self) -> Result<Keys, Failure> {
        let path = self.path.join("keys.json");
        match fs::read(&path) {
            Ok(json) => match serde_json::from_slice::<Keys>(&json) {
                Ok(keys) if keys.are_valid() => Ok(keys),
                _ => Err(format!("{} is damaged; delete it, and new keys are made", path.display()).into()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = Keys::random();
                self.write_json("keys.json", &keys)?;
                Ok(keys)
            }
            Err(error) => Err(unusable(&path, &error)),
        }
    }

    /// Writes `endpoints.json`, which says that both gateways answer.
    pub fn publish_endpoints(&self, endpoints: &Endpoints) -> Result<(), Failure> {
        self.write_json("endpoints.json", endpoints)
    }

    pub fn withdraw_endpoints(&self) {
        let _ = fs::remove_file(self.path.join("endpoints.json"));
    }

    /// Deletes data, keys and logs, but no other files.
    pub fn forget(self) -> Result<(), Failure> {
        for folder in [self.database(), self.table(), self.logs()] {
            ignore_missing(fs::remove_dir_all(&folder)).map_err(|error| unusable(&folder, &error))?;
        }
        let files = fs::read_dir(&self.path).map_err(|error| unusable(&self.path, &error))?;
        let files = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let messages = files.filter(|name| is_of_messages(name));
        // The lock last: it marks the folder as ours.
        for file in messages.chain(OURS.map(str::to_owned)) {
            let file = self.path.join(file);
            ignore_missing(fs::remove_file(&file)).map_err(|error| unusable(&file, &error))?;
        }
        // Fails if it has other files.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Writes a file atomically, for this user only.
    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let path = self.path.join(name);
        let unfinished = path.with_extension("unfinished");
        let write = || {
            let mut json = serde_json::to_vec_pretty(value)?;
            json.push(b'\n');
            write_private(&unfinished, &json)?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|error| unusable(&path, &error))
    }
}

/// Whether this is the name of a file with messages, or of one that moto puts beside it.
fn is_of_messages(name: &str) -> bool {
    let database = name
        .strip_prefix(MESSAGES)
        .and_then(|rest| MESSAGES_ENDS.iter().find_map(|end| rest.strip_suffix(end)))
        .map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    database.is_some_and(|digest| {
        digest.is_empty() || (digest.len() == 16 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()))
    })
}

fn ignore_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
