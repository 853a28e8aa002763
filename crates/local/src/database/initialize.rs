//! Creates the data folder of a server.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use super::left_behind::{UNFINISHED, note_process};
use super::program::{Flavour, ProgramError, ServerProgram, last_error, temporary};

/// The options of `mariadb-install-db`. That script needs a program of another package (docs/decisions/0013).
const BOOTSTRAP: [&str; 5] = [
    "--bootstrap",
    "--log-warnings=0",
    "--enforce-storage-engine=",
    "--max-allowed-packet=8M",
    "--net-buffer-length=16K",
];

impl ServerProgram {
    /// Creates a data folder with system tables. Writes the process id into `folder`, for the run after a kill -9. Replaces
    /// an unfinished data folder of a killed run.
    pub(super) async fn initialize(&self, data: &Path, folder: &Path) -> Result<(), ProgramError> {
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
        note_process(folder, &process).map_err(failed)?;
        if let Some(mut stdin) = process.stdin.take() {
            // If the server exits early, its standard error says why; it is read next.
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

fn system_tables() -> Result<String, ProgramError> {
    let mut sql = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n".to_owned();
    for script in ["system_tables", "performance_tables", "system_tables_data"] {
        sql += &system_script(script)?;
    }
    Ok(sql)
}

fn system_script(name: &str) -> Result<String, ProgramError> {
    let folders = ["/usr/share/mysql", "/usr/share/mariadb", "/usr/local/share/mysql", "/usr/local/share/mariadb"];
    folders
        .iter()
        .flat_map(|folder| ["mysql", "mariadb"].map(|prefix| format!("{folder}/{prefix}_{name}.sql")))
        .find_map(|path| std::fs::read_to_string(path).ok())
        .ok_or_else(|| ProgramError::Initialize(format!("MariaDB's script mysql_{name}.sql is not installed")))
}
