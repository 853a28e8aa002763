//! Starting, finding again and stopping the server, and making a database on it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use logs_core::mysql::{DatabaseSettings, MigrateError, migrate};
use logs_core::settings::SettingError;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::TlsFiles;
use super::program::{ProgramError, ServerProgram, UNFINISHED, last_error, temporary};
use crate::state::write_private;

/// A start after kill -9 replays the log first; with a full log that takes a while.
const START_LIMIT: Duration = Duration::from_mins(2);

/// How long a server may take to write down what it has in memory.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// How many ports to try before giving up.
const PORT_TRIES: usize = 4;

/// How long one try to connect may take: whoever listens may not be the server.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A new data folder has this many bytes, with room for the first million rows.
const NEEDED_BYTES: u64 = 512 << 20;

/// The account that is made for this program.
const USER: &str = "operator";

/// What to run where.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The server program.
    pub program: ServerProgram,
    /// Data, log and process id stand here; made if it is not there.
    pub folder: PathBuf,
    /// Password of the account that [`Server::url`] names.
    pub password: String,
    /// With it the server offers TLS.
    pub tls: Option<TlsFiles>,
    /// Further options of the server, like `--max-connections=5`.
    pub extra: Vec<String>,
}

/// A running server. Dropping it kills it; [`Server::stop`] lets it finish.
pub struct Server {
    process: Child,
    port: u16,
    options: ServerOptions,
}

/// Why there is no server, or no database on it.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No program, or no data folder.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Not enough room.
    #[error("the disk is full: {folder} needs {} MB and has {} MB; make room and try again", NEEDED_BYTES >> 20, free >> 20)]
    DiskFull {
        /// Where.
        folder: PathBuf,
        /// How much room there is, in bytes.
        free: u64,
    },
    /// A file or a process could not be handled.
    #[error("the database server cannot be started: {0}; is there room on the disk, and is the folder yours?")]
    Io(#[from] io::Error),
    /// It ended at once.
    #[error("the database server ended at once: {reason} (all of it: {})", log.display())]
    Ended {
        /// What it said last.
        reason: String,
        /// Where it said it.
        log: PathBuf,
    },
    /// It runs and does not answer.
    #[error("the database server does not answer after {} s (see {})", START_LIMIT.as_secs(), .0.display())]
    NoAnswer(PathBuf),
    /// Its own URL is none.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// It refuses our schema.
    #[error(transparent)]
    Schema(#[from] MigrateError),
}

impl Server {
    /// A new server for one run: whichever program is there, with a password that nobody else knows.
    pub async fn start_new(folder: &Path, tls: Option<TlsFiles>, extra: Vec<String>) -> Result<Self, ServerError> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        let program = ServerProgram::find().await?;
        Self::start(ServerOptions { program, folder: folder.to_owned(), password, tls, extra }).await
    }

    /// Starts the server on a port of its own, with new data if the folder is empty. A server that an earlier
    /// run left behind in this folder is ended first.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        fs::create_dir_all(&options.folder)?;
        end_left_behind(&options.folder).await?;
        if !data(&options).exists() {
            let free = free_bytes(&options.folder)?;
            if free < NEEDED_BYTES {
                return Err(ServerError::DiskFull { folder: options.folder.clone(), free });
            }
            options.program.initialize(&data(&options), &process_file(&options.folder)).await?;
        }
        let first = free_port()?;
        Self::start_on_or_near(options, first).await
    }

    /// Somebody else may take a port between the look and the start; then another one will do. The port itself is asked
    /// whether that was the reason: each server says it in its own words.
    async fn start_on_or_near(options: ServerOptions, first: u16) -> Result<Self, ServerError> {
        let mut port = first;
        for _ in 1..PORT_TRIES {
            match Self::start_on(options.clone(), port).await {
                Err(ServerError::Ended { .. }) if is_taken(port) => port = free_port()?,
                other => return other,
            }
        }
        Self::start_on(options, port).await
    }

    /// Starts it again where it was, after it ended for whatever reason.
    pub async fn restart(mut self) -> Result<Self, ServerError> {
        let _ = self.process.kill().await;
        Self::start_on(self.options.clone(), self.port).await
    }

    async fn start_on(options: ServerOptions, port: u16) -> Result<Self, ServerError> {
        fs::create_dir_all(temporary(&data(&options)))?;
        let init = options.folder.join("init.sql");
        write_private(&init, accounts(&options.password).as_bytes())?;
        let log = log_file(&options);
        let output = fs::File::create(&log)?;
        let mut command = options.program.command(&data(&options));
        command
            .arg(format!("--port={port}"))
            // Relative to the data folder: the path of a socket has little room.
            .args(["--bind-address=127.0.0.1", "--socket=server.sock", "--skip-name-resolve", "--skip-log-bin"])
            .arg(format!("--init-file={}", init.display()))
            .args(options.program.extra_options())
            .args(&options.extra)
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(tls) = &options.tls {
            command.arg(format!("--ssl-ca={}", tls.authority.display()));
            command.arg(format!("--ssl-cert={}", tls.certificate.display()));
            command.arg(format!("--ssl-key={}", tls.key.display()));
        }
        let process = command.spawn()?;
        note_process(&process_file(&options.folder), &process)?;
        let mut server = Self { process, port, options };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// `mysql://…` of a database on this server, as a user who may do everything.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let tls = match &self.options.tls {
            Some(tls) => format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={}", tls.authority.display()),
            None => "ssl-mode=DISABLED".to_owned(),
        };
        format!("mysql://{USER}:{}@127.0.0.1:{}/{database}?{tls}", self.options.password, self.port)
    }

    /// Makes a database with our schema.
    pub async fn make_database(&self, name: &str) -> Result<(), ServerError> {
        migrate(&DatabaseSettings::from_url(&self.url(name))?).await?;
        Ok(())
    }

    /// `mysql` or `mariadb`.
    #[must_use]
    pub fn flavour(&self) -> &'static str {
        self.options.program.flavour()
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns when the server has ended.
    pub async fn ended(&mut self) {
        let _ = self.process.wait().await;
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Has the server write everything down and end.
    pub async fn stop(mut self) {
        if let Some(id) = self.process.id() {
            let _ = signal(id, Signal::SIGTERM);
        }
        if timeout(STOP_LIMIT, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
        let _ = fs::remove_file(process_file(&self.options.folder));
        let _ = fs::remove_file(self.options.folder.join("init.sql"));
    }

    async fn wait_until_it_answers(&mut self) -> Result<(), ServerError> {
        let options: MySqlConnectOptions = self.url("mysql").parse().map_err(io::Error::other)?;
        let log = log_file(&self.options);
        let answers = async {
            loop {
                if let Ok(Ok(connection)) = timeout(CONNECT_LIMIT, options.connect()).await {
                    let _ = connection.close().await;
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            // First: who answers when our server has ended is another one.
            biased;
            status = self.process.wait() => {
                let status = status?;
                let text = fs::read(&log).unwrap_or_default();
                let reason = last_error(&String::from_utf8_lossy(&text)).unwrap_or_else(|| status.to_string());
                Err(ServerError::Ended { reason, log })
            }
            answered = timeout(START_LIMIT, answers) => answered.map_err(|_| ServerError::NoAnswer(log)),
        }
    }
}

/// Run by the server at each start, before anybody can connect; a statement a line. The accounts without a password
/// that a new data folder has are no more after it.
fn accounts(password: &str) -> String {
    format!(
        "CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         ALTER USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n\
         DROP USER IF EXISTS 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1', ''@'localhost';\n"
    )
}

fn data(options: &ServerOptions) -> PathBuf {
    options.folder.join(options.program.flavour())
}

fn log_file(options: &ServerOptions) -> PathBuf {
    options.folder.join("server.log")
}

fn process_file(folder: &Path) -> PathBuf {
    folder.join("server.pid")
}

/// Writes down which process works in the folder, for the run that comes after a kill -9 of this one.
pub(super) fn note_process(file: &Path, process: &Child) -> io::Result<()> {
    process.id().map_or(Ok(()), |id| fs::write(file, id.to_string()))
}

/// Ends the server that an earlier run left behind: the process that it wrote down, if that is still a server of
/// this very folder.
pub async fn end_left_behind(folder: &Path) -> io::Result<()> {
    let file = process_file(folder);
    let Some(id) = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        return Ok(());
    };
    let started = Instant::now();
    while let Some(argument) = data_of_server(id, folder) {
        // One that makes a data folder does not listen to SIGTERM, and what it made is of no use.
        let is_worth_waiting = !argument.ends_with(UNFINISHED) && started.elapsed() < STOP_LIMIT;
        signal(id, if is_worth_waiting { Signal::SIGTERM } else { Signal::SIGKILL })?;
        sleep(Duration::from_millis(100)).await;
    }
    fs::remove_file(file)
}

/// The data folder of a process that is a server of this folder.
fn data_of_server(id: u32, folder: &Path) -> Option<String> {
    let arguments = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let marker = format!("--datadir={}/", folder.display());
    let arguments = arguments.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    arguments.into_iter().find(|argument| argument.starts_with(&marker)).map(Into::into)
}

fn signal(id: u32, signal: Signal) -> io::Result<()> {
    match i32::try_from(id).map(|id| kill(Pid::from_raw(id), signal)) {
        Ok(Err(Errno::EPERM)) => Err(io::Error::other(format!("process {id} is another user's, end it first"))),
        _ => Ok(()),
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available() * disk.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary_folder::TemporaryFolder;

    #[tokio::test]
    async fn a_port_that_somebody_took_in_between_is_given_up_for_another() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
        let port = taken.local_addr().expect("it has an address").port();
        let temporary = TemporaryFolder::new("port").expect("the temporary folder can be written");
        let folder = temporary.path().to_owned();
        let program = ServerProgram::find().await.expect("there is a server program");
        program
            .initialize(&folder.join(program.flavour()), &process_file(&folder))
            .await
            .expect("a folder can be made");
        let options = ServerOptions { program, folder, password: "x".to_owned(), tls: None, extra: Vec::new() };
        let server = Server::start_on_or_near(options, port).await.expect("it starts on another port");
        assert_ne!(server.port, port);
        server.stop().await;
    }
}
