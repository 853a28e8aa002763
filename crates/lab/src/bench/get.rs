//! GET on a warm environment: the number of rows must not matter, and the database must cost little.

use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::{EMPTY, FEW_ROWS, Functions, MANY_ROWS, Mode};
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::error::LabError;

/// All sides take turns.
pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let event = event::get()?;
    let mut sides = Vec::new();
    for (function, database) in [(EMPTY, FEW_ROWS), ("get-logs", FEW_ROWS), ("get-logs", MANY_ROWS)] {
        let caller = Caller::start(functions, function, database, Mode::Plain).await?;
        sides.push((caller, Samples::default()));
    }
    for _ in rounds(count) {
        // An empty call before each of the two that read, so that neither has the better place.
        for side in [0, 1, 0, 2] {
            let (caller, samples) = &mut sides[side];
            samples.add(caller.call(&event).await?);
        }
    }
    let [empty, few, many] = [0, 1, 2].map(|side| sides[side].1.median());
    for (caller, _) in sides {
        caller.stop().await;
    }
    let of_few = || Line::milliseconds("GET, 1,000 rows".to_owned(), few);
    let of_many = || Line::milliseconds("GET, 1,000,000 rows".to_owned(), many);
    Ok(vec![
        of_few().against("empty function", empty).at_most_more(1.0),
        of_many().against("empty function", empty).at_most_more(1.0),
        of_many().against("GET, 1,000 rows", few).at_most_times(1.2),
    ])
}
