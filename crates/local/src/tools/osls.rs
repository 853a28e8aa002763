//! osls, which packages and deploys the template: the maintained, account-free fork of Serverless v3.

use std::path::PathBuf;

use super::node::Node;
use super::write_script;
use crate::Failure;

/// Installs osls, and Node.js if this machine's own is missing or too old.
pub(crate) fn osls() -> Result<PathBuf, Failure> {
    let node = Node::find()?;
    let folder = node.packages("osls")?;
    // By default, osls keeps its cache in the home folder.
    let program = folder.join("osls");
    write_script(
        &program,
        &format!(
            "SLS_SCHEMA_CACHE_BASE_DIR='{folder}' exec '{node}' '{folder}/node_modules/osls/bin/serverless.js' \"$@\"",
            folder = folder.display(),
            node = node.program.display()
        ),
    )?;
    Ok(program)
}
