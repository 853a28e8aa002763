//! Cold starts: from the start of a process to its first answer, with a new process each time. post-log stores or queues
//! one code; get-logs lists the 10 most recent of 1,000,000.

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::functions::{EMPTY, Functions, MANY_ROWS, Mode, WRITTEN};
use crate::bench::line::Line;
use crate::bench::samples::{Samples, rounds};
use crate::bench::steps::Steps;
use crate::error::LabError;

/// The modes, and their names in the report.
const MODES: [(Mode, &str); 4] =
    [(Mode::Plain, "plain"), (Mode::Tls, "TLS"), (Mode::Secret, "secret and TLS"), (Mode::Iam, "IAM token and TLS")];

/// A function in one mode, and its cold starts so far.
struct Start {
    function: &'static str,
    database: &'static str,
    mode: Mode,
    how: &'static str,
    event: Event,
    samples: Samples,
}

/// Starts all of them in turns.
pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let post = event::post(1, None)?;
    let start = |function, database, event: &Event, (mode, how)| Start {
        function,
        database,
        mode,
        how,
        event: event.clone(),
        samples: Samples::default(),
    };
    let mut empty = start(EMPTY, WRITTEN, &post, MODES[0]);
    let mut starts = Vec::from(MODES.map(|mode| start("post-log", WRITTEN, &post, mode)));
    let get = event::get()?;
    starts.extend(MODES.map(|mode| start("get-logs", MANY_ROWS, &get, mode)));
    starts.push(start("post-log", WRITTEN, &post, (Mode::Queue, "queued")));
    let mut steps = Steps::default();
    for _ in rounds(count) {
        empty.add(functions).await?;
        for start in &mut starts {
            start.add(functions).await?;
        }
        steps.add(functions, &post).await?;
    }
    let mut lines: Vec<_> = starts.iter().map(|start| start.line(empty.samples.median())).collect();
    lines.extend(steps.lines());
    Ok(lines)
}

impl Start {
    async fn add(&mut self, functions: &Functions<'_>) -> Result<(), LabError> {
        let starting = Caller::start(functions, self.function, self.database, self.mode);
        self.samples.add(Caller::cold_start(starting, &self.event).await?);
        Ok(())
    }

    fn line(&self, empty: f64) -> Line {
        let what = format!("cold start of {}, {}", self.function, self.how);
        let line = Line::milliseconds(what, self.samples.median()).against("empty function", empty);
        match self.mode {
            Mode::Plain => line.at_most_times(4.0),
            Mode::Iam => line.at_most_more(6.0),
            Mode::Tls => line.at_most_more(10.0),
            Mode::Queue => line.at_most_more(20.0),
            Mode::Secret | Mode::Steps => line.at_most_more(25.0),
        }
    }
}
