//! The most memory that a function ever has. With a secret and TLS, as in production: they take some too.

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::report::Line;
use crate::bench::testbed::{EMPTY, MANY_ROWS, Mode, Testbed, WRITTEN};
use crate::error::LabError;

/// Megabytes.
const LIMIT: f64 = 16.0;

/// Calls of each kind; what an allocator keeps has settled by then.
const CALLS: u32 = 100;

/// Each function in an environment of its own, after many calls.
pub(crate) async fn measure(testbed: &Testbed) -> Result<Vec<Line>, LabError> {
    let batches = [event::post(1), event::post(100), event::post(1000)];
    let (get, largest) = (event::get(), event::post_largest());

    let mut empty = Caller::start(testbed, EMPTY, WRITTEN, Mode::Secret).await?;
    let empty_peak = peak(&mut empty, &batches).await?;
    let empty_largest_peak = peak(&mut empty, std::slice::from_ref(&largest)).await?;
    empty.stop().await;

    let mut post_log = Caller::start(testbed, "post-log", WRITTEN, Mode::Secret).await?;
    let post_peak = peak(&mut post_log, &batches).await?;
    let post_largest_peak = peak(&mut post_log, &[largest]).await?;
    post_log.stop().await;

    let mut queued = Caller::start(testbed, "post-log", WRITTEN, Mode::Queue).await?;
    let queued_peak = peak(&mut queued, &batches).await?;
    queued.stop().await;

    let mut get_logs = Caller::start(testbed, "get-logs", MANY_ROWS, Mode::Secret).await?;
    let get_peak = peak(&mut get_logs, &[get]).await?;
    get_logs.stop().await;

    let line = |what: &str, peak, empty| {
        Line::megabytes(format!("peak memory of {what}"), peak).against("empty function", empty).at_most(LIMIT)
    };
    Ok(vec![
        line("post-log, up to 1000 codes", post_peak, empty_peak),
        line("post-log, 1 MiB of body", post_largest_peak, empty_largest_peak),
        line("post-log, queued, up to 1000 codes", queued_peak, empty_peak),
        line("get-logs", get_peak, empty_peak),
    ])
}

async fn peak(caller: &mut Caller, events: &[Event]) -> Result<f64, LabError> {
    for _ in 0..CALLS {
        for event in events {
            caller.call(event).await?;
        }
    }
    caller.peak_memory()
}
