//! The folder `.local/`: keys and data stay from run to run, `endpoints.json` says that the gateways are up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The folder, held by one run at a time.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// Held for as long as this lives; the kernel lets go of it when the process ends, however that ends.
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another run has it.
    #[error("{0} is in use by a run that has not ended; stop that one first (Ctrl-C in its terminal)")]
    InUse(PathBuf),
    /// No room.
    #[error("the disk is full: {0} cannot be written; make room and try again")]
    DiskFull(PathBuf),
    /// Nobody is using it.
    #[error("nothing is running in {0}; start ./dev up, or set DATABASE_URL")]
    NotRunning(PathBuf),
    /// Somebody else's folder.
    #[error("{0} has files in it that are not ours; choose an empty or a new folder with --state")]
    NotOurs(PathBuf),
    /// Something is wrong with a file.
    #[error("{0} cannot be used: {1}; choose another folder with --state")]
    File(PathBuf, #[source] io::Error),
    /// The keys cannot be read, or are no keys.
    #[error("{0} is damaged; delete it, and new keys are made")]
    Keys(PathBuf),
}

impl StateError {
    fn of(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull(path.to_owned()),
            _ => Self::File(path.to_owned(), error),
        }
    }
}

/// Held by the run that uses the folder; where it is, the folder is ours.
const LOCK: &str = "lock";

/// The files that are ours, besides folders.
const OURS: [&str; 5] = ["endpoints.json", "endpoints.unfinished", "keys.json", "keys.unfinished", LOCK];

/// How the name of a file with messages begins, and how it ends, or that of what moto puts beside it.
const MESSAGES: &str = "messages";
const MESSAGES_ENDS: [&str; 3] = [".jsonl", ".jsonl.unfinished", ".jsonl.lock"];

/// What must not be guessed, made once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keys {
    /// API key of post-log.
    pub post: String,
    /// API key of get-logs.
    pub get: String,
    /// Password of the private database server.
    pub database: String,
}

/// What `endpoints.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where devices POST.
    pub post: Endpoint,
    /// Where dashboards GET.
    pub get: Endpoint,
    /// The database behind both.
    pub database_url: String,
    /// Between POST and the database, in queued mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueEndpoint>,
}

/// The queue of queued mode, for SQS's protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueEndpoint {
    /// The queue's URL.
    pub url: String,
    /// The URL of its dead-letter queue.
    pub dead_letter_url: String,
    /// Who to ask; nobody looks at the credentials.
    pub endpoint: String,
    /// The region to say.
    pub region: String,
}

/// One API.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// With the path.
    pub url: String,
    /// For the header `x-api-key`.
    pub api_key: String,
}

impl Endpoints {
    /// What the run that has this folder says.
    pub fn of_running(state: &Path) -> Result<Self, StateError> {
        let json = fs::read(state.join("endpoints.json")).map_err(|_| StateError::NotRunning(state.to_owned()))?;
        serde_json::from_slice(&json).map_err(|_| StateError::NotRunning(state.to_owned()))
    }
}

impl StateFolder {
    /// Takes the folder, which is made if it is not there. A folder with anything in it that an earlier run did not
    /// make is refused: `reset` deletes, and keys are kept from other users. What an earlier run said in
    /// `endpoints.json` is deleted: it is no longer so.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let unusable = |error: io::Error| StateError::of(path, error);
        fs::create_dir_all(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let lock_file = path.join(LOCK);
        let is_empty = fs::read_dir(&path).map_err(unusable)?.next().is_none();
        if !is_empty && !lock_file.is_file() {
            return Err(StateError::NotOurs(path));
        }
        // Data, keys and logs are nobody else's business.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        let lock = OpenOptions::new().create(true).append(true).open(lock_file).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let folder = Self { path, _lock: lock };
        folder.withdraw_endpoints();
        fs::create_dir_all(folder.logs()).map_err(unusable)?;
        Ok(folder)
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the functions and the gateways log to.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where the private database server has its data.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("database")
    }

    /// Where messages are kept that are to be stored in the private database, or in another one: whatever names it.
    #[must_use]
    pub fn messages(&self, database: Option<&str>) -> PathBuf {
        let digest =
            |name| Sha256::digest(name)[..8].iter().fold("-".to_owned(), |all, byte| format!("{all}{byte:02x}"));
        self.path.join(format!("{MESSAGES}{}.jsonl", database.map(digest).unwrap_or_default()))
    }

    /// The keys; made if there are none.
    pub fn keys(&self) -> Result<Keys, StateError> {
        let path = self.path.join("keys.json");
        match fs::read(&path) {
            Ok(json) => match serde_json::from_slice::<Keys>(&json) {
                Ok(keys) if keys.are_valid() => Ok(keys),
                _ => Err(StateError::Keys(path)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let random = || uuid::Uuid::new_v4().simple().to_string();
                let keys = Keys { post: random(), get: random(), database: random() };
                self.write_json("keys.json", &keys)?;
                Ok(keys)
            }
            Err(error) => Err(StateError::of(&path, error)),
        }
    }

    /// Says that both gateways answer.
    pub fn publish_endpoints(&self, endpoints: &Endpoints) -> Result<(), StateError> {
        self.write_json("endpoints.json", endpoints)
    }

    /// Says that they no longer do.
    pub fn withdraw_endpoints(&self) {
        let _ = fs::remove_file(self.path.join("endpoints.json"));
    }

    /// Forgets data, keys and logs, and nothing that somebody else put there.
    pub fn forget(self) -> Result<(), StateError> {
        for folder in [self.database(), self.logs()] {
            ignore_missing(fs::remove_dir_all(&folder)).map_err(|error| StateError::of(&folder, error))?;
        }
        let files = fs::read_dir(&self.path).map_err(|error| StateError::of(&self.path, error))?;
        let files = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let messages = files.filter(|name| is_of_messages(name));
        // The lock is the last one: until then the folder is ours.
        for file in messages.chain(OURS.map(str::to_owned)) {
            let file = self.path.join(file);
            ignore_missing(fs::remove_file(&file)).map_err(|error| StateError::of(&file, error))?;
        }
        // Stays where it is not empty.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Whole or not at all, for this user only.
    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StateError> {
        let path = self.path.join(name);
        let unfinished = path.with_extension("unfinished");
        let write = || {
            let mut json = serde_json::to_vec_pretty(value)?;
            json.push(b'\n');
            write_private(&unfinished, &json)?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|error| StateError::of(&path, error))
    }
}

/// Whether a file of this name has messages in it, or is moto's beside one.
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

impl Keys {
    /// As they were made: they go into a URL, a header and an SQL file.
    fn are_valid(&self) -> bool {
        let is_valid = |key: &String| key.len() >= 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        [&self.post, &self.get, &self.database].into_iter().all(is_valid)
    }
}

/// Writes a file that only this user can read.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(content)
}
