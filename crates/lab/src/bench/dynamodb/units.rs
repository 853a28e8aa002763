//! What requests cost in DynamoDB's own count of units (`ConsumedCapacity`). The number of stored codes must not matter.

use local::lambda::Environment;

use crate::bench::dynamodb::functions::{TableFunctions, Way};
use crate::bench::event;
use crate::bench::line::Line;
use crate::bench::post::name;
use crate::error::LabError;
use crate::load::events;
use crate::load::plan::EventSize;

/// The size of a batch, and the maximum of write units without and with a key.
const TARGETS: [(usize, f64, f64); 4] = [(1, 1.0, 4.0), (10, 2.0, 6.0), (100, 6.0, 8.0), (1000, 40.0, 40.0)];

/// The maximum of read units for a list, with eight shards.
const LIST: f64 = 10.0;

/// An event of store-logs, and the maximum of write units for all its codes: 0.2 per code.
const EVENT: EventSize = EventSize { messages: 10_000, codes: 1 };
const STORED: f64 = 2_000.0;

/// Batches of each kind. The most expensive one counts.
const BATCHES: usize = 20;

/// All figures of one table, in the order of the lines.
type Figures = Vec<f64>;

pub(super) async fn measure(functions: &TableFunctions<'_>) -> Result<Vec<Line>, LabError> {
    let few = of_table(functions, &functions.few).await?;
    let many = of_table(functions, &functions.many).await?;
    let [stored, many_stored] = &functions.codes;
    let base = format!("{stored} codes stored, not {many_stored}");
    let mut figures = few.into_iter().zip(many);
    let mut lines = Vec::new();
    for (codes, without, with) in TARGETS {
        for (with_key, target) in [(false, without), (true, with)] {
            let (few, many) = figures.next().unwrap_or((f64::NAN, f64::NAN));
            lines.push(Line::write_units(name(codes, with_key), many).against(&base, few).at_most(target));
        }
    }
    let (few, many) = figures.next().unwrap_or((f64::NAN, f64::NAN));
    let line = Line::read_units("GET".to_owned(), many);
    lines.push(line.against(&base, few).at_most(LIST));
    let (few, many) = figures.next().unwrap_or((f64::NAN, f64::NAN));
    let line = Line::write_units("store-logs, 10,000 messages of one code".to_owned(), many);
    lines.push(line.against(&base, few).at_most(STORED));
    Ok(lines)
}

async fn of_table(functions: &TableFunctions<'_>, table: &str) -> Result<Figures, LabError> {
    let proxy = &functions.table.faults;
    let post_log = functions.start("post-log", table, Way::Counted).await?;
    post_log.call(&event::post_of_fleet(1, 0, None)?).await?;
    let mut figures = Figures::new();
    for (codes, ..) in TARGETS {
        for with_key in [false, true] {
            let mut dearest: f64 = 0.0;
            for salt in 0..BATCHES {
                let key = with_key.then(|| uuid::Uuid::new_v4().to_string());
                let event = event::post_of_fleet(codes, salt, key.as_deref())?;
                proxy.keep_calls();
                post_log.call(&event).await?;
                dearest = dearest.max(units_of_a_batch(proxy));
            }
            figures.push(dearest);
        }
    }
    post_log.stop().await;
    let get_logs = functions.start("get-logs", table, Way::Counted).await?;
    let get = event::get()?;
    get_logs.call(&get).await?;
    proxy.keep_calls();
    get_logs.call(&get).await?;
    figures.push(proxy.take_calls().iter().map(|call| call.units).sum());
    get_logs.stop().await;
    let config = functions.config("store-logs", table, Way::Counted);
    let store_logs = Environment::start(&config).await?;
    proxy.keep_calls();
    events::hand_over(&store_logs, events::event(EVENT)?, &format!("is in {}", config.log_file.display())).await?;
    figures.push(units_of_a_batch(proxy));
    store_logs.stop().await;
    Ok(figures)
}

/// What was put, without the updates for `as_of` and for ids, at most one a second and environment.
fn units_of_a_batch(proxy: &local::fault_proxy::FaultProxy) -> f64 {
    let is_write = |operation: &str| ["PutItem", "TransactWriteItems"].contains(&operation);
    proxy.take_calls().iter().filter(|call| is_write(&call.operation)).map(|call| call.units).sum()
}
