//! The options of a private database server.

use std::path::PathBuf;

use tokio::process::Command;

use super::program::ServerProgram;
use super::tls::TlsFiles;

#[derive(Clone, Debug)]
pub struct ServerOptions {
    pub program: ServerProgram,
    /// For data, log and process id. Created if it is missing.
    pub folder: PathBuf,
    /// The password in [`Server::url`](super::Server::url).
    pub password: String,
    /// With a certificate, the server offers TLS.
    pub tls: Option<TlsFiles>,
    /// More options of the server, like `--max-connections=5`.
    pub extra: Vec<String>,
}

impl ServerOptions {
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join(self.program.flavour())
    }

    pub(super) fn log_file(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    /// The statements that the server runs at each start, before it accepts connections.
    pub(super) fn init_file(&self) -> PathBuf {
        self.folder.join("init.sql")
    }

    pub(super) fn command(&self, port: u16) -> Command {
        let mut command = self.program.command(&self.data());
        command
            .arg(format!("--port={port}"))
            // Relative to the data folder: the path of a socket is limited to about 100 bytes.
            .args(["--bind-address=127.0.0.1", "--socket=server.sock", "--skip-name-resolve", "--skip-log-bin"])
            .arg(format!("--init-file={}", self.init_file().display()))
            .args(self.program.extra_options())
            .args(&self.extra);
        if let Some(tls) = &self.tls {
            command.arg(format!("--ssl-ca={}", tls.authority.display()));
            command.arg(format!("--ssl-cert={}", tls.certificate.display()));
            command.arg(format!("--ssl-key={}", tls.key.display()));
        }
        command
    }
}
