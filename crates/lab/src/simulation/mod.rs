//! `./dev simulate`: what the limits and prices of `DynamoDB` mean for a number of codes a second.
//!
//! A model, not a measurement: [`units`] has what a request costs, [`partitions`] what a table takes, [`scenario`] how
//! the load and the table grow. [`report`] writes the tables of `docs/scaling.md`; a test keeps them equal. Adaptive and
//! burst capacity are left out, so a real table refuses less. Load is even within a second.

mod partitions;
mod report;
mod scenario;
mod units;

use std::io::Write;

use crate::error::LabError;

/// Prints the tables of docs/scaling.md
#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<bool, LabError> {
    write!(std::io::stdout(), "{}", report::tables())?;
    Ok(true)
}
