//! The benchmark on DynamoDB: what a request costs in its units ([`units`]), and what a function takes beyond an empty
//! function and the bare calls of the SDK ([`warm`], [`cold_start`]). [`bare`] makes those calls.

mod bare;
mod cold_start;
mod functions;
mod units;
mod warm;

use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::functions::EMPTY;
use crate::bench::line::Line;
use crate::bench::report::Report;
use crate::bench::{memory, size};
use crate::error::LabError;
use crate::testbed::{Table, Testbed};

/// The deployed functions of a stage on DynamoDB.
pub(crate) const FUNCTIONS: [&str; 3] = ["post-log", "get-logs", "store-logs"];

/// Batches of 1000 codes in the large table.
const BATCHES: usize = 1_000;
const QUICK_BATCHES: usize = 50;

/// In megabytes.
const MAX_MEMORY: f64 = 20.0;

pub(crate) async fn measure(testbed: &Testbed, table: &Table, rounds: u32, is_quick: bool) -> Result<Report, LabError> {
    let progress = testbed.progress;
    let batches = if is_quick { QUICK_BATCHES } else { BATCHES };
    progress.say(&format!("filling a table with 1 batch of 1000 codes and one with {batches}"));
    let functions = TableFunctions::prepare(testbed, table, batches).await?;
    let mut lines: Vec<Line> = Vec::new();
    progress.say("units of POST and GET");
    lines.extend(units::measure(&functions).await?);
    progress.say("cold starts");
    lines.extend(cold_start::measure(&functions, rounds).await?);
    progress.say("POST of 1, 100 and 1000 codes");
    lines.extend(warm::post(&functions, rounds).await?);
    progress.say("GET with few and with many codes");
    lines.extend(warm::get(&functions, rounds).await?);
    progress.say("memory");
    let start = |function, table| functions.start(function, table, Way::Direct);
    let sides = memory::Sides {
        empty: start(EMPTY, &functions.written).await?,
        post_log: start("post-log", &functions.written).await?,
        queued: None,
        get_logs: start("get-logs", &functions.many).await?,
    };
    lines.extend(memory::measure(sides, MAX_MEMORY).await?);
    progress.say("sizes");
    let program = |name: &str| testbed.programs.join(name);
    lines.extend(size::measure(&program(EMPTY), &FUNCTIONS.map(|name| (name, program(name))))?);
    Ok(Report::new(testbed.store.name().to_owned(), rounds, lines))
}
