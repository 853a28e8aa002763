//! GET on a warm environment: the number of rows must not matter, and the database must cost little.

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::bench::testbed::{EMPTY, FEW_ROWS, MANY_ROWS, Mode, Testbed};
use crate::error::LabError;

/// All sides take turns.
pub(crate) async fn measure(testbed: &Testbed, count: u32) -> Result<Vec<Line>, LabError> {
    let event = event::get();
    let mut empty = Side::start(testbed, EMPTY, FEW_ROWS).await?;
    let mut few = Side::start(testbed, "get-logs", FEW_ROWS).await?;
    let mut many = Side::start(testbed, "get-logs", MANY_ROWS).await?;
    for _ in rounds(count) {
        // An empty call before each of the two that read, so that neither has the better place.
        empty.call(&event).await?;
        few.call(&event).await?;
        empty.call(&event).await?;
        many.call(&event).await?;
    }
    let (empty, few, many) = (empty.finish().await, few.finish().await, many.finish().await);

    let of_few = || Line::milliseconds("GET, 1,000 rows".to_owned(), few);
    let of_many = || Line::milliseconds("GET, 1,000,000 rows".to_owned(), many);
    Ok(vec![
        of_few().against("empty function", empty).at_most_more(1.0),
        of_many().against("empty function", empty).at_most_more(1.0),
        of_many().against("GET, 1,000 rows", few).at_most_times(1.2),
    ])
}

/// A function and its times.
struct Side {
    caller: Caller,
    samples: Samples,
}

impl Side {
    async fn start(testbed: &Testbed, function: &'static str, database: &str) -> Result<Self, LabError> {
        let caller = Caller::start(testbed, function, database, Mode::Plain).await?;
        Ok(Self { caller, samples: Samples::default() })
    }

    async fn call(&mut self, event: &Event) -> Result<(), LabError> {
        self.samples.add(self.caller.call(event).await?);
        Ok(())
    }

    /// The median, when the process is gone.
    async fn finish(self) -> f64 {
        self.caller.stop().await;
        self.samples.median()
    }
}
