//! Cold starts: from the start of a process to its first answer, with a new process each time. post-log stores one code;
//! get-logs lists the 10 most recent of many.

use crate::bench::caller::Caller;
use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event;
use crate::bench::functions::EMPTY;
use crate::bench::line::Line;
use crate::bench::samples::{Samples, rounds};
use crate::error::LabError;

/// In milliseconds, beyond the empty function.
const LIMIT: f64 = 10.0;

/// Starts all of them in turns.
pub(super) async fn measure(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let (post, get) = (event::post(1, None)?, event::get()?);
    let [mut empty, mut post_log, mut get_logs] = std::array::from_fn(|_| Samples::default());
    let start = |function, table| functions.start(function, table, Way::Direct);
    for _ in rounds(count) {
        empty.add(Caller::cold_start(start(EMPTY, &functions.written), &post).await?);
        post_log.add(Caller::cold_start(start("post-log", &functions.written), &post).await?);
        get_logs.add(Caller::cold_start(start("get-logs", &functions.many), &get).await?);
    }
    let line = |function: &str, samples: &Samples| {
        let line = Line::milliseconds(format!("cold start of {function}, endpoint on loopback"), samples.median());
        line.against("empty function", empty.median())
    };
    Ok(vec![line("post-log", &post_log).at_most_more(LIMIT), line("get-logs", &get_logs).more()])
}
