//! The most memory that a function ever has.

use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event::{self, Event};
use crate::bench::functions::EMPTY;
use crate::bench::memory::{self, line};
use crate::bench::report::Line;
use crate::error::LabError;

/// Megabytes.
const LIMIT: f64 = 20.0;

/// Each function in an environment of its own, after many calls.
pub(super) async fn measure(functions: &TableFunctions<'_>) -> Result<Vec<Line>, LabError> {
    let batches = [event::post(1, None)?, event::post(100, None)?, event::post(1000, None)?];
    let (largest, get) = ([event::post_largest()?], [event::get()?]);
    let peaks = async |function: &'static str, table: &str, events: &[&[Event]]| {
        memory::peaks(functions.start(function, table, Way::Direct).await?, events).await
    };
    let empty = peaks(EMPTY, &functions.written, &[&batches, &largest]).await?;
    let post = peaks("post-log", &functions.written, &[&batches, &largest]).await?;
    let get = peaks("get-logs", &functions.many, &[&get]).await?;
    Ok(vec![
        line("post-log, up to 1000 codes", post[0], empty[0]).at_most(LIMIT),
        line("post-log, 1 MiB of body", post[1], empty[1]).at_most(LIMIT),
        line("get-logs", get[0], empty[0]).at_most(LIMIT),
    ])
}
