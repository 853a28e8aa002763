//! Which server there is to run, and how to make a data folder for it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::server::note_process;
use crate::programs;

/// How a data folder that is not complete is called, behind the last dot.
pub(super) const UNFINISHED: &str = "unfinished";

/// A `mysqld` or `mariadbd`.
#[derive(Clone, Debug)]
pub struct ServerProgram {
    path: PathBuf,
    flavour: Flavour,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    MySql,
    MariaDb,
}

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Not found.
    #[error(
        "no mysqld or mariadbd was found; install Debian's mariadb-server-core, or set MYSQL_SERVER=/path/to/mysqld"
    )]
    NotFound,
    /// Found, but it does not run, or is something else.
    #[error("{0} does not run as a MySQL or MariaDB server; set MYSQL_SERVER=/path/to/mysqld to choose another server")]
    DoesNotRun(PathBuf),
    /// No system tables.
    #[error("the database folder could not be made: {0}")]
    Initialize(String),
}

impl ServerProgram {
    /// Whether [`find`](Self::find) has a program to look at.
    #[must_use]
    pub fn is_installed() -> bool {
        find().is_some()
    }

    /// The server that `MYSQL_SERVER` names, else what is installed.
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

    /// `mysql` or `mariadb`: one cannot read the other's data.
    #[must_use]
    pub fn flavour(&self) -> &'static str {
        match self.flavour {
            Flavour::MySql => "mysql",
            Flavour::MariaDb => "mariadb",
        }
    }

    /// The program with what every call of it needs. Configuration files of the machine are not read: they
    /// belong to another server.
    pub(super) fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.arg("--no-defaults").arg(format!("--datadir={}", data.display())).stdin(Stdio::null());
        if nix::unistd::geteuid().is_root() {
            command.arg("--user=root");
        }
        // Its own: MariaDB's names for temporary tables are the same in every process that makes system tables.
        command.arg(format!("--tmpdir={}", temporary(data).display()));
        // Ctrl-C in a terminal reaches the whole process group; the server ends last, when it is told to.
        command.process_group(0).kill_on_drop(true);
        command
    }

    /// Options that only one of the two knows.
    pub(super) fn extra_options(&self) -> &'static [&'static str] {
        match self.flavour {
            // The X protocol would want a port of its own.
            Flavour::MySql => &["--mysqlx=OFF"],
            Flavour::MariaDb => &[],
        }
    }

    /// Makes a data folder with system tables in it. One that is half made, by a run that was killed, is made anew.
    pub(super) async fn initialize(&self, data: &Path, process_file: &Path) -> Result<(), ProgramError> {
        let failed = |error: std::io::Error| ProgramError::Initialize(error.to_string());
        let unfinished = data.with_extension(UNFINISHED);
        let _ = std::fs::remove_dir_all(&unfinished);
        std::fs::create_dir_all(&unfinished).map_err(failed)?;
        std::fs::create_dir_all(temporary(data)).map_err(failed)?;
        let (arguments, sql) = match self.flavour {
            Flavour::MySql => (["--initialize-insecure"].as_slice(), String::new()),
            Flavour::MariaDb => (BOOTSTRAP.as_slice(), system_tables()?),
        };
        let mut process = self
            .command(&unfinished)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        note_process(process_file, &process).map_err(failed)?;
        if let Some(mut stdin) = process.stdin.take() {
            // A server that gives up early says why on its standard error, which is read next.
            let _ = stdin.write_all(sql.as_bytes()).await;
        }
        let output = process.wait_with_output().await.map_err(failed)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(ProgramError::Initialize(last_error(&text).unwrap_or_else(|| output.status.to_string())));
        }
        std::fs::rename(&unfinished, data).map_err(failed)
    }
}

/// What `mariadb-install-db` gives to MariaDB; that script needs a program from another package (docs/decisions/0013).
const BOOTSTRAP: [&str; 5] = [
    "--bootstrap",
    "--log-warnings=0",
    "--enforce-storage-engine=",
    "--max-allowed-packet=8M",
    "--net-buffer-length=16K",
];

/// Where the server puts temporary files: beside the data.
pub(super) fn temporary(data: &Path) -> PathBuf {
    data.with_file_name("temporary")
}

fn system_tables() -> Result<String, ProgramError> {
    let mut sql = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n".to_owned();
    for script in ["system_tables", "performance_tables", "system_tables_data"] {
        sql += &system_script(script)?;
    }
    Ok(sql)
}

/// The line of a server's log that says what is wrong.
pub(super) fn last_error(log: &str) -> Option<String> {
    let mut errors = log.lines().filter(|line| line.contains("ERROR") && !line.contains("Aborting"));
    errors.next_back().map(|line| line.trim().to_owned())
}

fn system_script(name: &str) -> Result<String, ProgramError> {
    let folders = ["/usr/share/mysql", "/usr/share/mariadb", "/usr/local/share/mysql", "/usr/local/share/mariadb"];
    folders
        .iter()
        .flat_map(|folder| ["mysql", "mariadb"].map(|prefix| format!("{folder}/{prefix}_{name}.sql")))
        .find_map(|path| std::fs::read_to_string(path).ok())
        .ok_or_else(|| ProgramError::Initialize(format!("MariaDB's script mysql_{name}.sql is not installed")))
}

/// The program that `MYSQL_SERVER` names, else what is installed.
fn find() -> Option<PathBuf> {
    let system = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin"];
    let installed = || ["mariadbd", "mysqld"].into_iter().find_map(|name| programs::find_in(&system, name));
    std::env::var_os("MYSQL_SERVER").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(installed)
}
