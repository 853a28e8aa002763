//! osls, which packages and deploys the template: the maintained, account-free fork of Serverless v3.

use std::path::PathBuf;

use super::node;
use crate::Failure;

/// Installs osls.
pub(crate) fn osls() -> Result<PathBuf, Failure> {
    node::program("osls", |node, folder| {
        // By default, osls keeps its cache in the home folder.
        format!(
            "SLS_SCHEMA_CACHE_BASE_DIR='{folder}' exec '{node}' '{folder}/node_modules/osls/bin/serverless.js' \"$@\""
        )
    })
}
