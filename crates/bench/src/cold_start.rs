//! From the start of a process to its first answer, a new process each time. post-log stores one code, get-logs
//! lists the 10 most recent of 1,000,000.

use std::time::{Duration, Instant};

use crate::caller::{Caller, EMPTY};
use crate::error::BenchError;
use crate::event::{self, Event};
use crate::report::Line;
use crate::samples::{Samples, rounds};
use crate::stage::{MANY_ROWS, Mode, Stage, WRITTEN};

/// All sides take turns.
pub(crate) async fn measure(stage: &Stage, count: u32) -> Result<Vec<Line>, BenchError> {
    let (post, get) = (event::post(1), event::get());
    let mut empty = Samples::default();
    let functions = [("post-log", WRITTEN, &post), ("get-logs", MANY_ROWS, &get)];
    let mut plain = functions.map(|_| Samples::default());
    let mut tls = functions.map(|_| Samples::default());
    for _ in rounds(count) {
        empty.add(start_and_call(stage, EMPTY, WRITTEN, Mode::Plain, &post).await?);
        for ((function, database, event), (plain, tls)) in functions.iter().zip(plain.iter_mut().zip(&mut tls)) {
            plain.add(start_and_call(stage, function, database, Mode::Plain, event).await?);
            tls.add(start_and_call(stage, function, database, Mode::Tls, event).await?);
        }
    }

    let mut lines = Vec::new();
    for ((function, ..), (plain, tls)) in functions.iter().zip(plain.iter().zip(&tls)) {
        let plain = Line::milliseconds(format!("cold start of {function}, plain"), plain.median());
        let tls = Line::milliseconds(format!("cold start of {function}, TLS"), tls.median());
        lines.push(plain.against("empty function", empty.median()).at_most_times(4.0));
        lines.push(tls.against("empty function", empty.median()).at_most_more(10.0));
    }
    Ok(lines)
}

async fn start_and_call(
    stage: &Stage,
    function: &'static str,
    database: &str,
    mode: Mode,
    event: &Event,
) -> Result<Duration, BenchError> {
    let started = Instant::now();
    let mut caller = Caller::start(stage, function, database, mode).await?;
    caller.call(event).await?;
    let took = started.elapsed();
    caller.stop().await;
    Ok(took)
}
