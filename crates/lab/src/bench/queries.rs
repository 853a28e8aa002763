//! GET /logs of one device or one code, deep pages, and GET /codes: the number of rows must not matter to them either.

use serde::Deserialize;

use crate::bench::caller::Caller;
use crate::bench::event::{self, Event};
use crate::bench::functions::{EMPTY, Functions, MANY_ROWS, Mode};
use crate::bench::line::Line;
use crate::bench::samples::{Samples, in_turns, rounds};
use crate::bench::summary::{CODES, SUMMARIZED};
use crate::error::{LabError, wrong_answer};

/// Pages before the deep one.
const PAGES: usize = 1_000;

/// A row in any answer of GET /logs.
const A_ROW: &str = r#""error_log_id":"#;

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
}

pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let many = Caller::start(functions, "get-logs", MANY_ROWS, Mode::Plain).await?;
    let (first, deep) = pages(&many).await?;
    let latest = event::get()?;
    let device = event::get_from("/logs?device_id=device-00000000000000000000000000007", A_ROW)?;
    let code = event::get_from("/logs?error_code=107", A_ROW)?;
    let calls = [&latest, &device, &code, &first, &deep].map(|event| (&many, event));
    let [latest, device, code, first, deep] = in_turns(calls, count).await?;
    many.stop().await;

    let empty = Caller::start(functions, EMPTY, SUMMARIZED, Mode::Plain).await?;
    let codes = Caller::start(functions, "get-logs", SUMMARIZED, Mode::Plain).await?;
    let event = event::get_from("/codes", r#""error_code":"#)?;
    let mut connection = functions.connection(SUMMARIZED).await?;
    let [mut of_empty, mut read, mut kept] = [Samples::default(), Samples::default(), Samples::default()];
    for _ in rounds(count) {
        connection.change_summary().await?;
        of_empty.add(empty.call(&event).await?);
        read.add(codes.call(&event).await?);
        kept.add(codes.call(&event).await?);
    }
    empty.stop().await;
    codes.stop().await;

    let line = |what: &str, value| Line::milliseconds(what.to_owned(), value);
    let of_empty = of_empty.median();
    let read = line(&format!("GET /codes, {CODES} codes in 24 hours"), read.median());
    let kept = line("the same, until summarize runs", kept.median());
    Ok(vec![
        line("GET of one device, 1,000,000 rows", device).against("GET", latest).at_most_times(1.5),
        line("GET of one code, 1,000,000 rows", code).against("GET", latest).at_most_times(1.5),
        line("page 1,001 of 100 rows", deep).against("page 1", first).at_most_times(1.1),
        read.against("empty function", of_empty).at_most_more(5.0),
        kept.against("empty function", of_empty).at_most_more(1.0),
    ])
}

/// The questions for the first page of 100 rows, and for one far behind it.
async fn pages(function: &Caller) -> Result<(Event, Event), LabError> {
    let first = event::get_from("/logs?limit=100", A_ROW)?;
    let mut page = first.clone();
    for _ in 0..PAGES {
        let (_, body) = function.ask(&page).await?;
        let next = serde_json::from_str::<Page>(&body).ok().and_then(|page| page.next);
        let next = next.ok_or_else(|| wrong_answer("get-logs", body.as_bytes()))?;
        page = event::get_from(&format!("/logs?limit=100&before={next}"), A_ROW)?;
    }
    Ok((first, page))
}
