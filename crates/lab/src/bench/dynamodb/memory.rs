//! The most memory that a function ever has.

use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event::{self, Event};
use crate::bench::functions::EMPTY;
use crate::bench::report::Line;
use crate::error::LabError;

/// Megabytes.
const LIMIT: f64 = 20.0;

/// Calls of each kind; what an allocator keeps has settled by then.
const CALLS: usize = 100;

/// Each function in an environment of its own, after many calls.
pub(super) async fn measure(functions: &TableFunctions<'_>) -> Result<Vec<Line>, LabError> {
    let batches = [event::post(1, None)?, event::post(100, None)?, event::post(1000, None)?];
    let (largest, get) = ([event::post_largest()?], [event::get()?]);
    let peaks = async |function: &'static str, table: &str, events: &[&[Event]]| {
        let mut caller = functions.start(function, table, Way::Direct).await?;
        let mut peaks = Vec::new();
        for events in events {
            for event in events.iter().cycle().take(events.len() * CALLS) {
                caller.call(event).await?;
            }
            peaks.push(caller.peak_memory()?);
        }
        caller.stop().await;
        Ok::<_, LabError>(peaks)
    };
    let empty = peaks(EMPTY, &functions.written, &[&batches, &largest]).await?;
    let post = peaks("post-log", &functions.written, &[&batches, &largest]).await?;
    let get = peaks("get-logs", &functions.many, &[&get]).await?;
    let line = |what: &str, peak, empty| {
        Line::megabytes(format!("peak memory of {what}"), peak).against("empty function", empty).at_most(LIMIT)
    };
    Ok(vec![
        line("post-log, up to 1000 codes", post[0], empty[0]),
        line("post-log, 1 MiB of body", post[1], empty[1]),
        line("get-logs", get[0], empty[0]),
    ])
}
