//! GET on a warm environment: its time must not depend on the number of rows, and the database must add little.

use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::{EMPTY, FEW_ROWS, Functions, MANY_ROWS, Mode};
use crate::bench::line::Line;
use crate::bench::samples::{Samples, rounds};
use crate::error::LabError;

/// Calls all sides in turns.
pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let [empty, few, many] = medians(
        [
            Caller::start(functions, EMPTY, FEW_ROWS, Mode::Plain).await?,
            Caller::start(functions, "get-logs", FEW_ROWS, Mode::Plain).await?,
            Caller::start(functions, "get-logs", MANY_ROWS, Mode::Plain).await?,
        ],
        count,
    )
    .await?;
    let of_few = || Line::milliseconds("GET, 1,000 rows".to_owned(), few);
    let of_many = || Line::milliseconds("GET, 1,000,000 rows".to_owned(), many);
    Ok(vec![
        of_few().against("empty function", empty).at_most_more(1.0),
        of_many().against("empty function", empty).at_most_more(1.0),
        of_many().against("GET, 1,000 rows", few).at_most_times(1.2),
    ])
}

/// Medians in milliseconds: an empty function, then get-logs with few and with many codes stored. Stops them.
pub(crate) async fn medians(callers: [Caller; 3], count: u32) -> Result<[f64; 3], LabError> {
    let event = event::get()?;
    let mut sides = callers.map(|caller| (caller, Samples::default()));
    for _ in rounds(count) {
        // An empty call precedes each read, so that neither has an advantage.
        for side in [0, 1, 0, 2] {
            let (caller, samples) = &mut sides[side];
            samples.add(caller.call(&event).await?);
        }
    }
    let medians = sides.each_ref().map(|(_, samples)| samples.median());
    for (caller, _) in sides {
        caller.stop().await;
    }
    Ok(medians)
}
