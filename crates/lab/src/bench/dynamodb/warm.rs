//! POST and GET on a warm environment. A POST is compared with an empty function plus the bare SDK calls: the rest is
//! the cost of reading, checking, packing and acknowledging a batch.

use crate::bench::dynamodb::bare::BareClient;
use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::functions::EMPTY;
use crate::bench::get;
use crate::bench::line::Line;
use crate::bench::post::{Medians, Sides, name};
use crate::error::LabError;

pub(super) async fn post(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let table = &functions.written;
    let mut sides = Sides {
        empty: functions.start(EMPTY, table, Way::Direct).await?,
        function: functions.start("post-log", table, Way::Direct).await?,
        bare: BareClient::new(&functions.table.server.url(), table)?,
    };
    let lines = vec![
        line(&mut sides, 1, false, count).await?.at_most_times(1.3),
        line(&mut sides, 100, false, count).await?.times(),
        line(&mut sides, 1000, false, count).await?.times(),
        line(&mut sides, 1, true, count).await?.times(),
        line(&mut sides, 1000, true, count).await?.times(),
    ];
    sides.stop().await;
    Ok(lines)
}

async fn line(sides: &mut Sides<BareClient>, codes: usize, with_key: bool, count: u32) -> Result<Line, LabError> {
    let store = async |bare: &mut BareClient| bare.store(codes, with_key).await;
    let Medians { empty, function, bare } = sides.medians(codes, with_key, count, store).await?;
    let line = Line::milliseconds(name(codes, with_key), function);
    Ok(line.against(&format!("empty function {empty:.3} + bare SDK call {bare:.3}"), empty + bare))
}

pub(super) async fn get(functions: &TableFunctions<'_>, count: u32) -> Result<Vec<Line>, LabError> {
    let callers = [
        functions.start(EMPTY, &functions.few, Way::Direct).await?,
        functions.start("get-logs", &functions.few, Way::Direct).await?,
        functions.start("get-logs", &functions.many, Way::Direct).await?,
    ];
    let [empty, few, many] = get::medians(callers, count).await?;
    let [of_few, of_many] = functions.codes.clone().map(|codes| format!("GET, {codes} codes"));
    let line = Line::milliseconds(of_many, many).against(&of_few, few).times();
    Ok(vec![Line::milliseconds(of_few, few).against("empty function", empty).more(), line])
}
