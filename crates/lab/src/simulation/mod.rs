//! `./dev simulate`: what the limits and prices of `DynamoDB` mean for a number of codes a second.
//!
//! A model, not a measurement: [`units`] says what a request costs, [`partitions`] what a table accepts, [`scenario`] how
//! load and table grow. [`report`] writes the tables of `docs/scaling.md`; a test keeps them equal. The model has no
//! adaptive and no burst capacity, so a real table refuses less. Within a second, the load is even.

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
