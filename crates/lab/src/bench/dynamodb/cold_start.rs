//! From the start of a process to its first answer, a new process each time. post-log stores one code, get-logs lists the
//! 10 most recent of many.

use std::time::{Duration, Instant};

use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event::{self, Event};
use crate::bench::functions::EMPTY;
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::error::LabError;

/// Milliseconds beyond the empty function.
const LIMIT: f64 = 10.0;

/// All sides take turns.
pub(super) async fn measure(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let (post, get) = (event::post(1, None)?, event::get()?);
    let [mut empty, mut post_log, mut get_logs] = std::array::from_fn(|_| Samples::default());
    for _ in rounds(count) {
        empty.add(time(functions, EMPTY, &functions.written, &post).await?);
        post_log.add(time(functions, "post-log", &functions.written, &post).await?);
        get_logs.add(time(functions, "get-logs", &functions.many, &get).await?);
    }
    let line = |function: &str, samples: &Samples| {
        let line = Line::milliseconds(format!("cold start of {function}, endpoint on loopback"), samples.median());
        line.against("empty function", empty.median())
    };
    Ok(vec![line("post-log", &post_log).at_most_more(LIMIT), line("get-logs", &get_logs).more()])
}

async fn time(
    functions: &TableFunctions<'_>,
    function: &'static str,
    table: &str,
    event: &Event,
) -> Result<Duration, LabError> {
    let started = Instant::now();
    let caller = functions.start(function, table, Way::Direct).await?;
    caller.call(event).await?;
    let took = started.elapsed();
    caller.stop().await;
    Ok(took)
}
