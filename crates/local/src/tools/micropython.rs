//! `MicroPython` as `WebAssembly`, for the tests of `clients/python`.

use std::path::{Path, PathBuf};

use super::node;
use crate::Failure;

/// Installs `MicroPython`; the program returned takes a Python file and its arguments, as `python3` does.
pub(crate) fn micropython() -> Result<PathBuf, Failure> {
    let runner = Path::new("tools/micropython/run.mjs").canonicalize()?;
    let runner = runner.display();
    node::program("micropython", |node, folder| format!("exec '{node}' '{runner}' '{folder}' \"$@\""))
}
