//! Installs tools from PyPI: a Python environment for each requirements file in `tools/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{debian, installed};
use crate::Failure;

/// Installs the packages in `tools/NAME.txt`. Returns the folder with their programs and `python`.
pub(crate) fn python(name: &str) -> Result<PathBuf, Failure> {
    let requirements = Path::new("tools").join(format!("{name}.txt"));
    let folder = installed(name, &requirements, |folder| {
        if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]).stderr(Stdio::null())) {
            debian::install("Python with venv", &["python3", "python3-venv"])?;
        }
        let pip = ["install", "--quiet", "--disable-pip-version-check", "-r"];
        let is_installed = succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))
            && succeeds(Command::new(folder.join("bin/pip")).args(pip).arg(&requirements));
        if is_installed { Ok(()) } else { Err(format!("{name} could not be installed; pip's message is above").into()) }
    })?;
    Ok(folder.join("bin"))
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// cargo lambda, which builds the zips with zig as linker and updates the code of deployed functions.
pub(crate) struct CargoLambda {
    programs: PathBuf,
}

impl CargoLambda {
    pub(crate) fn install() -> Result<Self, Failure> {
        Ok(Self { programs: python("cargo-lambda")? })
    }

    /// `cargo lambda`.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.programs.join("cargo-lambda"));
        // cargo lambda finds zig with this Python.
        command.arg("lambda").env("CARGO_ZIGBUILD_PYTHON_PATH", self.programs.join("python"));
        command
    }
}
