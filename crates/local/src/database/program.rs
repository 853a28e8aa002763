//! Finds the database server program of this machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::programs;

/// A `mysqld` or `mariadbd`.
#[derive(Clone, Debug)]
pub struct ServerProgram {
    path: PathBuf,
    pub(super) flavour: Flavour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    MySql,
    MariaDb,
}

#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error(
        "no mysqld or mariadbd was found; install Debian's mariadb-server-core, or set MYSQL_SERVER=/path/to/mysqld"
    )]
    NotFound,
    #[error("{0} does not run as a MySQL or MariaDB server; set MYSQL_SERVER=/path/to/mysqld to choose another server")]
    DoesNotRun(PathBuf),
    #[error("the database folder could not be made: {0}")]
    Initialize(String),
}

impl ServerProgram {
    pub fn is_installed() -> bool {
        find().is_some()
    }

    /// The program in `MYSQL_SERVER`, else an installed one.
    pub async fn find() -> Result<Self, ProgramError> {
        let path = find().ok_or(ProgramError::NotFound)?;
        let version = Command::new(&path).arg("--version").stdin(Stdio::null()).output().await;
        let version = version.ok().filter(|output| output.status.success());
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let flavour = if version.contains("MariaDB") {
            Flavour::MariaDb
        } else if version.contains(" Ver ") {
            Flavour::MySql
        } else {
            return Err(ProgramError::DoesNotRun(path));
        };
        Ok(Self { path, flavour })
    }

    /// `mysql` or `mariadb`. Neither can read the other's data.
    pub fn flavour(&self) -> &'static str {
        match self.flavour {
            Flavour::MySql => "mysql",
            Flavour::MariaDb => "mariadb",
        }
    }

    /// The program with the options of every call. It ignores the machine's configuration files, which belong to another
    /// server.
    pub(super) fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--no-defaults").arg(format!("--datadir={}", data.display())).stdin(Stdio::null());
        if nix::unistd::geteuid().is_root() {
            command.arg("--user=root");
        }
        // Not shared: each MariaDB that creates system tables uses the same names for its temporary tables.
        command.arg(format!("--tmpdir={}", temporary(data).display()));
        // Ctrl-C in a terminal reaches the whole process group. In its own group, the server can stop last.
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// Options that only MySQL or only MariaDB knows.
    pub(super) fn extra_options(&self) -> &'static [&'static str] {
        match self.flavour {
            // The X protocol would need a port of its own.
            Flavour::MySql => &["--mysqlx=OFF"],
            Flavour::MariaDb => &[],
        }
    }
}

/// Where the server puts temporary files: beside the data.
pub(super) fn temporary(data: &Path) -> PathBuf {
    data.with_file_name("temporary")
}

/// The line of a server's log that states the error.
pub(super) fn last_error(log: &str) -> Option<String> {
    let mut errors = log.lines().filter(|line| line.contains("ERROR") && !line.contains("Aborting"));
    errors.next_back().map(|line| line.trim().to_owned())
}

fn find() -> Option<PathBuf> {
    let system = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin"];
    let installed = || ["mariadbd", "mysqld"].into_iter().find_map(|name| programs::find_in(&system, name));
    std::env::var_os("MYSQL_SERVER").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(installed)
}
