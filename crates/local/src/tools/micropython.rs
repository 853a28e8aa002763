//! `MicroPython` as `WebAssembly`, for the tests of `clients/python`.

use std::path::{Path, PathBuf};

use super::node::Node;
use super::write_script;
use crate::Failure;

/// Installs `MicroPython`; the program returned takes a Python file and its arguments, as `python3` does.
pub(crate) fn micropython() -> Result<PathBuf, Failure> {
    let node = Node::find()?;
    let folder = node.packages("micropython")?;
    let program = folder.join("micropython");
    write_script(
        &program,
        &format!(
            "exec '{node}' '{runner}' '{folder}' \"$@\"",
            node = node.program.display(),
            runner = Path::new("tools/micropython/run.mjs").canonicalize()?.display(),
            folder = folder.display()
        ),
    )?;
    Ok(program)
}
