//! A running server: start, restart, stop.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use logs_core::mysql::{DatabaseSettings, migrate};
use nix::sys::signal::Signal;
use nix::sys::statvfs::statvfs;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use super::error::{NEEDED_MB, START_LIMIT, ServerError};
use super::left_behind::{STOP_LIMIT, end_left_behind, note_process, process_file};
use super::options::ServerOptions;
use super::program::{ServerProgram, last_error, temporary};
use super::tls::TlsFiles;
use crate::processes::signal;
use crate::state::write_private;

/// How many ports to try before giving up.
pub(crate) const PORT_TRIES: usize = 4;

/// Per attempt: another program may listen on the port and never answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The account for this program.
const USER: &str = "operator";

/// A running server. Dropping it kills it; [`Server::stop`] lets it finish.
pub struct Server {
    process: Child,
    port: u16,
    options: ServerOptions,
}

impl Server {
    /// Starts a server with a random password.
    pub async fn start_new(folder: &Path, tls: Option<TlsFiles>, extra: Vec<String>) -> Result<Self, ServerError> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        let program = ServerProgram::find().await?;
        Self::start(ServerOptions { program, folder: folder.to_owned(), password, tls, extra }).await
    }

    /// Starts a server on a free port. Creates the data folder if it is missing. Ends a server that an earlier run left
    /// behind in the folder.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        fs::create_dir_all(&options.folder)?;
        end_left_behind(&options.folder).await?;
        let data = options.data();
        if !data.exists() {
            let disk = statvfs(&options.folder).map_err(io::Error::from)?;
            let free = (disk.blocks_available() * disk.fragment_size()) >> 20;
            if free < NEEDED_MB {
                return Err(ServerError::DiskFull(options.folder, free));
            }
            options.program.initialize(&data, &options.folder).await?;
        }
        let first = free_port()?;
        Self::start_on_or_near(options, first).await
    }

    /// Tries another port if another program has taken this one since it was found. Checks the port itself for that,
    /// because each server words the error differently.
    async fn start_on_or_near(options: ServerOptions, first: u16) -> Result<Self, ServerError> {
        let mut port = first;
        for _ in 1..PORT_TRIES {
            match Self::start_on(options.clone(), port).await {
                Err(ServerError::Ended(..)) if is_taken(port) => port = free_port()?,
                other => return other,
            }
        }
        Self::start_on(options, port).await
    }

    /// Starts a server that has exited again, on the same port.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        let _ = self.process.kill().await;
        *self = Self::start_on(self.options.clone(), self.port).await?;
        Ok(())
    }

    async fn start_on(options: ServerOptions, port: u16) -> Result<Self, ServerError> {
        fs::create_dir_all(temporary(&options.data()))?;
        write_private(&options.init_file(), accounts(&options.password).as_bytes())?;
        let output = fs::File::create(options.log_file())?;
        let process = options.command(port).stdout(output.try_clone()?).stderr(output).spawn()?;
        note_process(&options.folder, &process)?;
        let mut server = Self { process, port, options };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// The URL of a database, for a user with all rights.
    pub fn url(&self, database: &str) -> String {
        let tls = match &self.options.tls {
            Some(tls) => format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={}", tls.authority.display()),
            None => "ssl-mode=DISABLED".to_owned(),
        };
        format!("mysql://{USER}:{}@127.0.0.1:{}/{database}?{tls}", self.options.password, self.port)
    }

    /// Creates a database with our schema.
    pub async fn make_database(&self, name: &str) -> Result<(), ServerError> {
        migrate(&DatabaseSettings::from_url(&self.url(name))?).await?;
        Ok(())
    }

    pub fn flavour(&self) -> &'static str {
        self.options.program.flavour()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns when the server has exited.
    pub async fn ended(&mut self) {
        let _ = self.process.wait().await;
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// kill -9.
    pub async fn kill(&mut self) {
        let _ = self.process.kill().await;
    }

    /// Asks the server to exit, and waits until it has flushed everything to the disk.
    pub async fn stop(mut self) {
        if let Some(id) = self.process.id() {
            let _ = signal(id, Signal::SIGTERM);
        }
        if timeout(STOP_LIMIT, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
        let _ = fs::remove_file(process_file(&self.options.folder));
        let _ = fs::remove_file(self.options.init_file());
    }

    async fn wait_until_it_answers(&mut self) -> Result<(), ServerError> {
        let options: MySqlConnectOptions = self.url("mysql").parse().map_err(io::Error::other)?;
        let log = self.options.log_file();
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
            // Checked first: once our server has exited, any answer is from another program.
            biased;
            status = self.process.wait() => {
                let status = status?;
                let text = fs::read(&log).unwrap_or_default();
                let reason = last_error(&String::from_utf8_lossy(&text)).unwrap_or_else(|| status.to_string());
                Err(ServerError::Ended(reason, log))
            }
            answered = timeout(START_LIMIT, answers) => answered.map_err(|_| ServerError::NoAnswer(log)),
        }
    }
}

/// Creates our account and drops the accounts without a password of a new data folder. One statement per line.
fn accounts(password: &str) -> String {
    format!(
        "CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         ALTER USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n\
         DROP USER IF EXISTS 'root'@'localhost', 'root'@'127.0.0.1', 'root'@'::1', ''@'localhost';\n"
    )
}

/// A port that is free at the moment. Another program may still take it.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

pub(crate) fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temporary_folder::TemporaryFolder;

    #[tokio::test]
    async fn a_port_that_another_program_took_is_replaced() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
        let port = taken.local_addr().expect("it has an address").port();
        let temporary = TemporaryFolder::new("port").expect("the temporary folder can be written");
        let folder = temporary.path().to_owned();
        let program = ServerProgram::find().await.expect("there is a server program");
        program.initialize(&folder.join(program.flavour()), &folder).await.expect("a folder can be made");
        let options = ServerOptions { program, folder, password: "x".to_owned(), tls: None, extra: Vec::new() };
        let server = Server::start_on_or_near(options, port).await.expect("it starts on another port");
        assert_ne!(server.port, port);
        server.stop().await;
    }
}
