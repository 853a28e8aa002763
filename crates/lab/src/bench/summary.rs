//! How fast summarize counts, and how long a POST takes in the meantime.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use local::lambda::{Environment, FunctionConfig};
use logs_core::clock;
use serde::Deserialize;

use crate::baseline::BareInsert;
use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::{Functions, MANY_ROWS, Mode, WRITTEN};
use crate::bench::line::Line;
use crate::bench::samples::{Samples, rounds};
use crate::codes::{Code, collected};
use crate::error::{LabError, invocation_failed, wrong_answer};

/// The database with [`CODES`] codes in each of 24 hours.
pub(crate) const SUMMARIZED: &str = "Summarized_Logs";

pub(crate) const CODES: i32 = 10_000;

const HOURS: u32 = 24;

/// How often each code is there: 1,000,000 rows.
const TIMES: u32 = 100;

/// As in infra/mysql/functions.yml.
const TIMEOUT: Duration = Duration::from_secs(50);

#[derive(Deserialize)]
struct Run {
    counted: u64,
    complete: bool,
}

/// Counts 1,000,000 rows of one code, and as many of [`CODES`] codes whose hours come by turns: each step meets all of them.
pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    fill(functions).await?;
    let alike = summarize(functions, MANY_ROWS).await?;
    let different = summarize(functions, SUMMARIZED).await?;
    let (alone, beside) = post_beside(functions, count).await?;
    let per_second = |what: &str, value| Line::per_second(what.to_owned(), value).at_least(200_000.0);
    let post = Line::milliseconds("POST of 1 code while summarize runs".to_owned(), beside);
    Ok(vec![
        per_second("summarize, one code", alike),
        per_second(&format!("summarize, {CODES} codes in {HOURS} hours"), different),
        post.against("alone", alone).at_most_times(1.05),
    ])
}

async fn fill(functions: &Functions<'_>) -> Result<(), LabError> {
    functions.make_database(SUMMARIZED).await?;
    let mut connection = functions.connection(SUMMARIZED).await?;
    let codes = (0..).zip(collected(1_000, clock::unix_seconds()));
    let codes = codes.map(|(err, code)| Code { err, ..code }).collect::<Vec<_>>();
    for first in (0..CODES).step_by(codes.len()) {
        let codes = codes.iter().map(|code| Code { err: first + code.err, ..code.clone() }).collect();
        connection.insert(&BareInsert::new(codes)).await?;
    }
    Ok(connection.copy_over_hours(TIMES, HOURS).await?)
}

async fn start(functions: &Functions<'_>, database: &str) -> Result<Environment, LabError> {
    let config = functions.config("summarize", database, Mode::Plain);
    Ok(Environment::start(&FunctionConfig { timeout: TIMEOUT, ..config }).await?)
}

/// Rows per second, over as many runs as needed.
async fn summarize(functions: &Functions<'_>, database: &str) -> Result<f64, LabError> {
    let environment = start(functions, database).await?;
    let (mut counted, mut took) = (0, Duration::ZERO);
    loop {
        let started = Instant::now();
        let run = run(&environment).await?;
        took += started.elapsed();
        counted += run.counted;
        if run.complete {
            break;
        }
    }
    environment.stop().await;
    Ok(crate::figures::number(counted) / took.as_secs_f64())
}

async fn run(environment: &Environment) -> Result<Run, LabError> {
    let function = "summarize";
    let answer = environment.invoke("bench", Bytes::from_static(b"{}")).await;
    let answer = answer.map_err(|error| invocation_failed(function, &error, "is in the folder"))?;
    serde_json::from_slice(&answer).map_err(|_| wrong_answer(function, &answer))
}

/// Medians of a POST, in turns alone and while summarize counts the rows of earlier POSTs.
async fn post_beside(functions: &Functions<'_>, count: u32) -> Result<(f64, f64), LabError> {
    let environment = start(functions, WRITTEN).await?;
    let post = Caller::start(functions, "post-log", WRITTEN, Mode::Plain).await?;
    let (event, batch) = (event::post(1, None)?, event::post(1000, None)?);
    let [mut alone, mut beside] = [Samples::default(), Samples::default()];
    for _ in rounds(count) {
        post.call(&batch).await?;
        alone.add(post.call(&event).await?);
        let (run, took) = tokio::join!(run(&environment), post.call(&event));
        run?;
        beside.add(took?);
    }
    post.stop().await;
    environment.stop().await;
    Ok((alone.median(), beside.median()))
}
