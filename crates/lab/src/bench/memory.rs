//! The most memory that a function ever has. With a secret and TLS, as in production: they take some too.

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::functions::{EMPTY, Functions, MANY_ROWS, Mode, WRITTEN};
use crate::bench::report::Line;
use crate::error::LabError;

/// Megabytes.
const LIMIT: f64 = 16.0;

/// Calls of each kind; what an allocator keeps has settled by then.
const CALLS: usize = 100;

/// Each function in an environment of its own, after many calls.
pub(crate) async fn measure(functions: &Functions<'_>) -> Result<Vec<Line>, LabError> {
    let batches = [event::post(1, None)?, event::post(100, None)?, event::post(1000, None)?];
    let (largest, get) = ([event::post_largest()?], [event::get()?]);
    let peaks = async |function: &'static str, database: &str, mode: Mode, events: &[&[Event]]| {
        peaks(Caller::start(functions, function, database, mode).await?, events).await
    };
    let empty = peaks(EMPTY, WRITTEN, Mode::Secret, &[&batches, &largest]).await?;
    let post = peaks("post-log", WRITTEN, Mode::Secret, &[&batches, &largest]).await?;
    let queued = peaks("post-log", WRITTEN, Mode::Queue, &[&batches]).await?;
    let get = peaks("get-logs", MANY_ROWS, Mode::Secret, &[&get]).await?;
    Ok(vec![
        line("post-log, up to 1000 codes", post[0], empty[0]).at_most(LIMIT),
        line("post-log, 1 MiB of body", post[1], empty[1]).at_most(LIMIT),
        line("post-log, queued, up to 1000 codes", queued[0], empty[0]).at_most(LIMIT),
        line("get-logs", get[0], empty[0]).at_most(LIMIT),
    ])
}

/// The most memory, in megabytes, after many calls with each of these kinds of events. Stops the function.
pub(crate) async fn peaks(caller: Caller, kinds: &[&[Event]]) -> Result<Vec<f64>, LabError> {
    let mut peaks = Vec::new();
    for events in kinds {
        for event in events.iter().cycle().take(events.len() * CALLS) {
            caller.call(event).await?;
        }
        peaks.push(caller.peak_memory()?);
    }
    caller.stop().await;
    Ok(peaks)
}

/// A figure, beside that of the empty function.
pub(crate) fn line(what: &str, peak: f64, empty: f64) -> Line {
    Line::megabytes(format!("peak memory of {what}"), peak).against("empty function", empty)
}
