//! The peak memory of each function, in an environment of its own, after many calls.

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::line::Line;
use crate::error::LabError;

/// Calls per kind of event: by then, the allocator has settled.
const CALLS: usize = 100;

/// The functions to measure, on either store.
pub(crate) struct Sides {
    pub(crate) empty: Caller,
    pub(crate) post_log: Caller,
    /// post-log in queued mode, where that is measured.
    pub(crate) queued: Option<Caller>,
    pub(crate) get_logs: Caller,
}

/// `limit` in megabytes.
pub(crate) async fn measure(sides: Sides, limit: f64) -> Result<Vec<Line>, LabError> {
    let batches = [event::post(1, None)?, event::post(100, None)?, event::post(1000, None)?];
    let (largest, get) = ([event::post_largest()?], [event::get()?]);
    let empty = peaks(sides.empty, &[&batches, &largest]).await?;
    let line = |what: &str, peak: f64, empty: f64| {
        let line = Line::megabytes(format!("peak memory of {what}"), peak);
        line.against("empty function", empty).at_most(limit)
    };
    let post = peaks(sides.post_log, &[&batches, &largest]).await?;
    let mut lines =
        vec![line("post-log, up to 1000 codes", post[0], empty[0]), line("post-log, 1 MiB of body", post[1], empty[1])];
    if let Some(queued) = sides.queued {
        lines.push(line("post-log, queued, up to 1000 codes", peaks(queued, &[&batches]).await?[0], empty[0]));
    }
    lines.push(line("get-logs", peaks(sides.get_logs, &[&get]).await?[0], empty[0]));
    Ok(lines)
}

/// The peak, in megabytes, after the calls of each kind of event. Stops the function.
async fn peaks(caller: Caller, kinds: &[&[Event]]) -> Result<Vec<f64>, LabError> {
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
