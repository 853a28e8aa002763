//! What codes add to the monthly bill, computed as in `docs/costs`.

use super::bill::{Item, grouped};
use super::prices::{OfBatch, Prices};
use super::template::{Template, number};
use crate::Failure;

/// SQS counts one request per 64 KB.
const CHUNK: f64 = 65_536.0;

/// The maximum number of messages that SQS delivers or deletes in one request.
const MESSAGES_A_REQUEST: f64 = 10.0;

/// Metrics of our own that a function writes: counts and `ColdStart`, and on `DynamoDB` five of the table.
const METRICS_OF_POST_LOG: f64 = 4.0;
const METRICS_OF_STORE_LOGS: f64 = 7.0;
const METRICS_OF_TABLE: f64 = 5.0;
/// `SummarizedLogs` and `SummaryBacklog`, besides those of an idle stage.
const METRICS_OF_SUMMARIZE: f64 = 2.0;

/// The codes and batches of a month.
pub(super) struct Load {
    codes_per_second: f64,
    batch: u32,
    seconds: f64,
    codes: f64,
    posts: f64,
    assumed: OfBatch,
}

impl Load {
    pub(super) fn of(codes_per_second: f64, batch: u32, prices: &Prices) -> Result<Self, Failure> {
        if !(codes_per_second > 0.0 && codes_per_second <= 1e7) {
            return Err("--codes-per-second must be more than 0 and at most 10 million".into());
        }
        let seconds = prices.assumed.hours_of_a_month * 3600.0;
        let codes = codes_per_second * seconds;
        let posts = codes / f64::from(batch);
        Ok(Self { codes_per_second, batch, seconds, codes, posts, assumed: prices.of_batch(batch)? })
    }

    pub(super) fn sentence(&self) -> String {
        let Self { codes_per_second, batch, .. } = self;
        let (codes, posts) = (grouped(self.codes), grouped(self.posts));
        format!("with {codes_per_second} codes a second in batches of {batch}: {codes} codes in {posts} POSTs")
    }
}

/// The items beyond those of an idle month.
pub(super) fn items(template: &Template, prices: &Prices, load: &Load) -> Result<Vec<Item>, Failure> {
    let is_queued = template.is_queued()?;
    let mut items = front(template, prices, load, is_queued)?;
    if is_queued {
        items.extend(queue(template, prices, load)?);
    }
    items.extend(storage(template, prices, load, is_queued));
    items.push(metrics(template, prices, is_queued));
    Ok(items)
}

/// Gateway, logs, traces and post-log.
fn front(template: &Template, prices: &Prices, load: &Load, is_queued: bool) -> Result<Vec<Item>, Failure> {
    const FUNCTION: &str = "PostLogLambdaFunction";
    let Load { posts, seconds, assumed, .. } = load;
    let mut items = vec![Item::new("API Gateway", format!("{} requests", grouped(*posts)), prices.requests(*posts))];
    let arithmetic = format!("{} x {} bytes", grouped(*posts), grouped(prices.assumed.log_bytes));
    items.push(Item::new("logs", arithmetic, prices.logs(*posts)));
    if template.is_traced(FUNCTION)? {
        let share = prices.assumed.traced;
        let arithmetic = format!("{:.0} % of {}", share * 100.0, grouped(*posts));
        items.push(Item::new("traces", arithmetic, prices.traces(posts * share)));
        // X-Ray also records the first request in each second: all of them, where there is one a second or less.
        let first = posts.min(*seconds);
        let arithmetic = format!("the first in each second: {}", grouped(first));
        items.push(Item::new("traces", arithmetic, prices.traces(first * (1.0 - share))));
    }
    let call = if is_queued { assumed.queued_seconds } else { assumed.direct_seconds };
    let arithmetic = format!("{} calls x {call} s", grouped(*posts));
    items.push(Item::new("post-log", arithmetic, prices.calls(*posts, posts * call, &template.size(FUNCTION)?)?));
    Ok(items)
}

/// SQS and store-logs.
fn queue(template: &Template, prices: &Prices, load: &Load) -> Result<[Item; 2], Failure> {
    const FUNCTION: &str = "StoreLogsLambdaFunction";
    let bytes = f64::from(load.batch) * prices.assumed.code_bytes;
    let sent = load.posts * (bytes / CHUNK).ceil();
    // In tens, as far as ten fit into 64 KB.
    let received = (load.posts / MESSAGES_A_REQUEST).max(load.posts * bytes / CHUNK);
    let deleted = load.posts / MESSAGES_A_REQUEST;
    let requests = sent + received + deleted;
    let arithmetic = format!("{} sent, received, deleted", grouped(requests));
    let mappings = template.of_type("AWS::Lambda::EventSourceMapping");
    let window = number(mappings.first().ok_or("nobody empties the queue")?, "MaximumBatchingWindowInSeconds")?;
    // One call in each window, unless there are fewer messages.
    let calls = load.posts.min(load.seconds / window);
    let seconds = load.codes / load.assumed.stored_a_second;
    let dollars = prices.calls(calls, seconds, &template.size(FUNCTION)?)?;
    Ok([
        Item::new("SQS", arithmetic, prices.messages(requests)),
        Item::new("store-logs", format!("{} calls, {} s", grouped(calls), grouped(seconds)), dollars),
    ])
}

/// Where the codes go: units of a table, and the disk for the codes of this month.
fn storage(template: &Template, prices: &Prices, load: &Load, is_queued: bool) -> Vec<Item> {
    let gigabytes = |bytes: f64| load.codes * bytes / 1e9;
    if template.has("Table") {
        // store-logs packs messages, so a queue writes as large batches do.
        let units = load.posts * load.assumed.units[1];
        let (kept, price) = (gigabytes(prices.assumed.table_bytes), prices.region.table_gb);
        let name = if is_queued { "table, at most" } else { "table" };
        return vec![
            Item::new(name, format!("{} write units", grouped(units)), prices.write_units(units)),
            Item::new("the month's codes", format!("{kept:.2} GB x {price:.3}"), kept * price),
        ];
    }
    template
        .of_type("AWS::RDS::DBInstance")
        .into_iter()
        .map(|server| {
            let price = prices.server_gb(server["MultiAZ"] == true);
            let kept = gigabytes(prices.assumed.row_bytes);
            Item::new("the month's codes", format!("{kept:.2} GB x {price:.3}"), kept * price)
        })
        .collect()
}

/// A custom metric costs per hour in which it is written, so always.
fn metrics(template: &Template, prices: &Prices, is_queued: bool) -> Item {
    let of_table = if template.has("Table") { METRICS_OF_TABLE } else { 0.0 };
    let mut number = METRICS_OF_POST_LOG;
    if is_queued {
        number += METRICS_OF_STORE_LOGS;
    }
    number += if template.has("SummarizeLambdaFunction") { METRICS_OF_SUMMARIZE } else { of_table };
    let price = prices.region.metric;
    Item::new("metrics", format!("{number} x {price:.2}"), number * price)
}
