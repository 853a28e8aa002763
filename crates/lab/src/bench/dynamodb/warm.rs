//! POST and GET on a warm environment. A POST against an empty function and the bare calls of the SDK together: what is
//! above that sum is what reading, checking, packing and acknowledging a batch takes.

use std::time::Instant;

use crate::bench::caller::Caller;
use crate::bench::dynamodb::bare::BareClient;
use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event;
use crate::bench::functions::EMPTY;
use crate::bench::report::Line;
use crate::bench::samples::{Samples, rounds};
use crate::error::LabError;

/// The three sides.
struct Sides {
    empty: Caller,
    function: Caller,
    bare: BareClient,
}

pub(super) async fn post(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let table = &functions.written;
    let mut sides = Sides {
        empty: functions.start(EMPTY, table, Way::Direct).await?,
        function: functions.start("post-log", table, Way::Direct).await?,
        bare: BareClient::new(&functions.table.server.url(), table)?,
    };
    let lines = vec![
        sides.measure(1, false, count).await?.at_most_times(1.3),
        sides.measure(100, false, count).await?.times(),
        sides.measure(1000, false, count).await?.times(),
        sides.measure(1, true, count).await?.times(),
        sides.measure(1000, true, count).await?.times(),
    ];
    sides.empty.stop().await;
    sides.function.stop().await;
    Ok(lines)
}

impl Sides {
    /// With another idempotency key each time.
    async fn measure(&mut self, codes: usize, with_key: bool, count: u32) -> Result<Line, LabError> {
        let [mut empty_first, mut empty_second, mut function, mut bare] = std::array::from_fn(|_| Samples::default());
        for _ in rounds(count) {
            let key = with_key.then(|| uuid::Uuid::new_v4().to_string());
            let event = event::post(codes, key.as_deref())?;
            // An empty call before each of the two that write, so that neither has the better place.
            empty_first.add(self.empty.call(&event).await?);
            let started = Instant::now();
            self.bare.store(codes, with_key).await?;
            bare.add(started.elapsed());
            empty_second.add(self.empty.call(&event).await?);
            function.add(self.function.call(&event).await?);
        }
        let (empty, bare) = (f64::midpoint(empty_first.median(), empty_second.median()), bare.median());
        let codes = format!("{codes} {}", if codes == 1 { "code" } else { "codes" });
        let key = if with_key { ", with a key" } else { "" };
        let line = Line::milliseconds(format!("POST of {codes}{key}"), function.median());
        Ok(line.against(&format!("empty function {empty:.3} + bare SDK call {bare:.3}"), empty + bare))
    }
}

pub(super) async fn get(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let event = event::get()?;
    let mut sides = Vec::new();
    for (function, table) in [(EMPTY, &functions.few), ("get-logs", &functions.few), ("get-logs", &functions.many)] {
        sides.push((functions.start(function, table, Way::Direct).await?, Samples::default()));
    }
    for _ in rounds(count) {
        for side in [0, 1, 0, 2] {
            let (caller, samples) = &mut sides[side];
            samples.add(caller.call(&event).await?);
        }
    }
    let [empty, few, many] = [0, 1, 2].map(|side| sides[side].1.median());
    for (caller, _) in sides {
        caller.stop().await;
    }
    let [of_few, of_many] = functions.codes.clone().map(|codes| format!("GET, {codes} codes"));
    let line = Line::milliseconds(of_many, many).against(&of_few, few).times();
    Ok(vec![Line::milliseconds(of_few, few).against("empty function", empty).more(), line])
}
