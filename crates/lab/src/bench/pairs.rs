//! Pairs that should take the same time, called in turns: NDJSON and an array; this build and another one.

use std::path::Path;

use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::{Functions, Mode, WRITTEN};
use crate::bench::line::Line;
use crate::bench::samples::in_turns;
use crate::error::LabError;

/// 1000 records as NDJSON, against the same records as an array.
pub(crate) async fn lines_and_array(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let function = Caller::start(functions, "post-log", WRITTEN, Mode::Plain).await?;
    let (lines, array) = (event::post_lines(1000)?, event::post(1000, None)?);
    let [of_lines, of_array] = in_turns([(&function, &lines), (&function, &array)], count).await?;
    function.stop().await;
    let line = Line::milliseconds("POST of 1000 codes as NDJSON".to_owned(), of_lines);
    Ok(vec![line.against("as an array", of_array).at_most_times(1.1)])
}

/// This build's post-log and get-logs, against those in the folder `other`.
pub(crate) async fn two_builds(functions: &Functions<'_>, other: &Path, count: u32) -> Result<Vec<Line>, LabError> {
    let mut lines = Vec::new();
    for (what, function, event) in [
        ("POST of 1 code", "post-log", event::post(1, None)?),
        ("POST of 1000 codes", "post-log", event::post(1000, None)?),
        ("GET", "get-logs", event::get()?),
    ] {
        let config = functions.config(function, WRITTEN, Mode::Plain);
        let (program, log_file) = (other.join(function), config.log_file.with_extension("other.log"));
        let other = local::lambda::FunctionConfig { program, log_file, ..config.clone() };
        let this = Caller::start_with(config, function, Mode::Plain).await?;
        let other = Caller::start_with(other, function, Mode::Plain).await?;
        let [of_this, of_other] = in_turns([(&this, &event), (&other, &event)], count).await?;
        this.stop().await;
        other.stop().await;
        let line = Line::milliseconds(format!("{what}, this build"), of_this);
        lines.push(line.against("the other build", of_other).at_most_times(1.05));
    }
    Ok(lines)
}
