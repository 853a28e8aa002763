//! From the start of a process to its first answer, a new process each time. post-log stores or queues one code,
//! get-logs lists the 10 most recent of 1,000,000.

use std::time::{Duration, Instant};

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::bench::steps::Steps;
use crate::bench::testbed::{EMPTY, MANY_ROWS, Mode, Testbed, WRITTEN};
use crate::error::LabError;

/// A function, and its starts.
struct Function {
    name: &'static str,
    database: &'static str,
    event: Event,
    plain: Samples,
    tls: Samples,
    secret: Samples,
}

/// All sides take turns.
pub(crate) async fn measure(testbed: &Testbed, count: u32) -> Result<Vec<Line>, LabError> {
    let event = event::post(1);
    let mut empty = Samples::default();
    let mut functions =
        [Function::new("post-log", WRITTEN, event.clone()), Function::new("get-logs", MANY_ROWS, event::get())];
    let (mut steps, mut queued) = (Steps::default(), Samples::default());
    for _ in rounds(count) {
        empty.add(start_and_call(testbed, EMPTY, WRITTEN, Mode::Plain, &event).await?);
        for function in &mut functions {
            function.add(testbed).await?;
        }
        queued.add(start_and_call(testbed, "post-log", WRITTEN, Mode::Queue, &event).await?);
        steps.add(testbed, &event).await?;
    }
    let mut lines: Vec<_> = functions.iter().flat_map(|function| function.lines(empty.median())).collect();
    let what = "cold start of post-log, queued".to_owned();
    lines.push(Line::milliseconds(what, queued.median()).against("empty function", empty.median()).at_most_more(20.0));
    lines.extend(steps.lines());
    Ok(lines)
}

impl Function {
    fn new(name: &'static str, database: &'static str, event: Event) -> Self {
        Self { name, database, event, plain: Samples::default(), tls: Samples::default(), secret: Samples::default() }
    }

    async fn add(&mut self, testbed: &Testbed) -> Result<(), LabError> {
        for (samples, mode) in
            [(&mut self.plain, Mode::Plain), (&mut self.tls, Mode::Tls), (&mut self.secret, Mode::Secret)]
        {
            samples.add(start_and_call(testbed, self.name, self.database, mode, &self.event).await?);
        }
        Ok(())
    }

    fn lines(&self, empty: f64) -> [Line; 3] {
        let line = |how: &str, samples: &Samples| {
            let what = format!("cold start of {}, {how}", self.name);
            Line::milliseconds(what, samples.median()).against("empty function", empty)
        };
        [
            line("plain", &self.plain).at_most_times(4.0),
            line("TLS", &self.tls).at_most_more(10.0),
            line("secret and TLS", &self.secret).at_most_more(25.0),
        ]
    }
}

async fn start_and_call(
    testbed: &Testbed,
    function: &'static str,
    database: &str,
    mode: Mode,
    event: &Event,
) -> Result<Duration, LabError> {
    let started = Instant::now();
    let mut caller = Caller::start(testbed, function, database, mode).await?;
    caller.call(event).await?;
    let took = started.elapsed();
    caller.stop().await;
    Ok(took)
}
