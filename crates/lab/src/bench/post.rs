//! POST on a warm environment, compared with an empty function plus the bare statement: the rest is the cost of reading,
//! checking and acknowledging a batch.

use std::time::Instant;

use logs_core::clock;

use crate::baseline::{BareConnection, BareInsert};
use crate::bench::caller::Caller;
use crate::bench::event;
use crate::bench::functions::{EMPTY, Functions, Mode, WRITTEN};
use crate::bench::line::Line;
use crate::bench::samples::{Samples, rounds};
use crate::codes::collected;
use crate::error::LabError;

/// The three sides of the comparison. Without TLS: it would add the same to both and flatter the ratio.
pub(crate) struct Sides<B> {
    pub(crate) empty: Caller,
    pub(crate) function: Caller,
    /// Stores the same batch without a function.
    pub(crate) bare: B,
}

/// The median of each side in milliseconds.
pub(crate) struct Medians {
    pub(crate) empty: f64,
    pub(crate) function: f64,
    pub(crate) bare: f64,
}

/// Measures one size after the other, because the server is busy for a while after a large batch.
pub(crate) async fn measure(functions: &Functions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let mut sides = Sides {
        empty: Caller::start(functions, EMPTY, WRITTEN, Mode::Plain).await?,
        function: Caller::start(functions, "post-log", WRITTEN, Mode::Plain).await?,
        bare: functions.connection(WRITTEN).await?,
    };
    // 100 codes have no target: they lie between the two sizes that have one.
    let lines = vec![
        line(&mut sides, 1, false, count).await?.at_most_times(1.15),
        line(&mut sides, 100, false, count).await?.times(),
        line(&mut sides, 1000, false, count).await?.at_most_times(1.15),
        line(&mut sides, 1, true, count).await?.at_most_times(2.2),
        line(&mut sides, 1000, true, count).await?.at_most_times(1.3),
    ];
    sides.stop().await;
    Ok(lines)
}

async fn line(sides: &mut Sides<BareConnection>, codes: usize, with_key: bool, count: u32) -> Result<Line, LabError> {
    let insert = BareInsert::new(collected(codes, clock::unix_seconds()));
    let insert = async |bare: &mut BareConnection| Ok(bare.insert(&insert).await?);
    let Medians { empty, function, bare } = sides.medians(codes, with_key, count, insert).await?;
    let line = Line::milliseconds(name(codes, with_key), function);
    Ok(if with_key {
        // A transaction, against one statement: all of it counts.
        line.against("bare INSERT", bare)
    } else {
        line.against(&format!("empty function {empty:.3} + bare INSERT {bare:.3}"), empty + bare)
    })
}

/// The name of a line about a POST.
pub(crate) fn name(codes: usize, with_key: bool) -> String {
    let codes = format!("{codes} {}", if codes == 1 { "code" } else { "codes" });
    format!("POST of {codes}{}", if with_key { ", with a key" } else { "" })
}

impl<B> Sides<B> {
    /// Calls the sides in turns. `with_key` gives every call its own idempotency key, so the ledger gets a row in the same
    /// transaction as the logs.
    pub(crate) async fn medians(
        &mut self,
        codes: usize,
        with_key: bool,
        count: u32,
        mut store: impl AsyncFnMut(&mut B) -> Result<(), LabError>,
    ) -> Result<Medians, LabError> {
        let [mut empty_first, mut empty_second, mut function, mut bare] = std::array::from_fn(|_| Samples::default());
        for _ in rounds(count) {
            let key = with_key.then(|| uuid::Uuid::new_v4().to_string());
            let event = event::post(codes, key.as_deref())?;
            // An empty call precedes each write, so that neither has an advantage.
            empty_first.add(self.empty.call(&event).await?);
            let started = Instant::now();
            store(&mut self.bare).await?;
            bare.add(started.elapsed());
            empty_second.add(self.empty.call(&event).await?);
            function.add(self.function.call(&event).await?);
        }
        // The preceding call decides on which core a process wakes up, which is half of an empty call's time. So the
        // times form two clusters, and a common median would fall into either of them.
        let empty = f64::midpoint(empty_first.median(), empty_second.median());
        Ok(Medians { empty, function: function.median(), bare: bare.median() })
    }

    pub(crate) async fn stop(self) {
        self.empty.stop().await;
        self.function.stop().await;
    }
}
