//! The options that the commands share.

use std::path::PathBuf;

use clap::Args;

use super::StoreName;

#[derive(Args, Default)]
pub(crate) struct RunOptions {
    /// Where the codes are: mysql, or dynamodb, played by dynoxide on a file
    #[arg(long, value_enum, default_value_t)]
    pub(crate) store: StoreName,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Folder of the functions' binaries; by default where this program is
    #[arg(long, value_name = "FOLDER")]
    pub(crate) functions: Option<PathBuf>,
}
