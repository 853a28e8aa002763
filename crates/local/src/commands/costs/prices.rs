//! The list prices and assumptions of `docs/prices.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Failure;

/// Maintained by hand, with a date and sources.
const FILE: &str = include_str!("../../../../../docs/prices.json");

const MILLION: f64 = 1e6;

#[derive(Deserialize)]
struct File {
    date: String,
    regions: BTreeMap<String, Region>,
    assumed: Assumed,
}

/// The prices of a region, in US dollars. Pairs are for one server and for two (Multi-AZ).
#[derive(Clone, Deserialize)]
pub(super) struct Region {
    gateway_request_million: f64,
    call_million: f64,
    gb_second: BTreeMap<String, f64>,
    warm_gb_second: BTreeMap<String, f64>,
    sqs_request_million: f64,
    /// Per GB of ingested logs.
    pub(super) logs_gb: f64,
    trace_million: f64,
    /// Per month and metric that an alarm watches.
    pub(super) alarm_metric: f64,
    /// Per month and custom metric.
    pub(super) metric: f64,
    pub(super) dashboard: f64,
    pub(super) secret: f64,
    /// Per hour and zone.
    pub(super) endpoint_hour: f64,
    server_hour: BTreeMap<String, [f64; 2]>,
    server_gb: [f64; 2],
    write_unit_million: f64,
    /// Per GB and month.
    pub(super) table_gb: f64,
}

/// Estimates of what only a running stage can show.
#[derive(Clone, Deserialize)]
pub(super) struct Assumed {
    pub(super) hours_of_a_month: f64,
    /// Per request or call, in all logs.
    pub(super) log_bytes: f64,
    /// Share of requests that X-Ray records, beyond the first in a second.
    pub(super) traced: f64,
    /// Per code, in a message, in MySQL and in a table.
    pub(super) code_bytes: f64,
    pub(super) row_bytes: f64,
    pub(super) table_bytes: f64,
    /// The requests of Lambda's pollers to an empty queue.
    pub(super) empty_receives_a_month: f64,
    /// The duration of a scheduled call without work.
    pub(super) scheduled_call_seconds: f64,
    by_batch: BTreeMap<u32, OfBatch>,
}

/// Measured with `./dev bench` and `./dev load`, for one size of a batch.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct OfBatch {
    pub(super) direct_seconds: f64,
    pub(super) queued_seconds: f64,
    /// Per environment of store-logs.
    pub(super) stored_a_second: f64,
    /// Write units of a POST without and with a key.
    pub(super) units: [f64; 2],
}

pub(super) struct Prices {
    pub(super) date: String,
    pub(super) region: Region,
    pub(super) assumed: Assumed,
}

impl Prices {
    pub(super) fn of(region: &str) -> Result<Self, Failure> {
        let File { date, mut regions, assumed } = serde_json::from_str(FILE)?;
        let known: Vec<_> = regions.keys().cloned().collect();
        let unknown = || format!("docs/prices.json has no prices of {region}; give --region {}", known.join(" or "));
        Ok(Self { date, region: regions.remove(region).ok_or_else(unknown)?, assumed })
    }

    /// The price of `requests` requests to a REST API.
    pub(super) fn requests(&self, count: f64) -> f64 {
        count * self.region.gateway_request_million / MILLION
    }

    pub(super) fn traces(&self, count: f64) -> f64 {
        count * self.region.trace_million / MILLION
    }

    pub(super) fn messages(&self, count: f64) -> f64 {
        count * self.region.sqs_request_million / MILLION
    }

    pub(super) fn write_units(&self, count: f64) -> f64 {
        count * self.region.write_unit_million / MILLION
    }

    /// The price of the log lines of `requests` requests or calls.
    pub(super) fn logs(&self, count: f64) -> f64 {
        count * self.assumed.log_bytes / 1e9 * self.region.logs_gb
    }

    /// Of calls of a function that take so many seconds together.
    pub(super) fn calls(&self, count: f64, seconds: f64, function: &Size) -> Result<f64, Failure> {
        let gb_second = of_architecture(&self.region.gb_second, function)?;
        Ok(count * self.region.call_million / MILLION + seconds * function.gigabytes * gb_second)
    }

    /// The price of provisioned environments for a month.
    pub(super) fn warm(&self, environments: f64, function: &Size) -> Result<f64, Failure> {
        let seconds = environments * self.assumed.hours_of_a_month * 3600.0;
        Ok(seconds * function.gigabytes * of_architecture(&self.region.warm_gb_second, function)?)
    }

    /// Per hour of a server, or of two.
    pub(super) fn server_hour(&self, class: &str, are_two: bool) -> Result<f64, Failure> {
        let hour = self.region.server_hour.get(class);
        Ok(hour.ok_or_else(|| format!("docs/prices.json has no price of {class}"))?[usize::from(are_two)])
    }

    /// Per GB of disk and month, of a server or of two.
    pub(super) fn server_gb(&self, are_two: bool) -> f64 {
        self.region.server_gb[usize::from(are_two)]
    }

    /// The measurement with batches of this size, or else of the next larger size.
    pub(super) fn of_batch(&self, codes: u32) -> Result<OfBatch, Failure> {
        let found = self.assumed.by_batch.range(codes..).next();
        Ok(*found.ok_or_else(|| format!("docs/prices.json says nothing of batches of {codes}"))?.1)
    }
}

/// The size of a function.
pub(super) struct Size {
    pub(super) gigabytes: f64,
    pub(super) architecture: String,
}

fn of_architecture(prices: &BTreeMap<String, f64>, function: &Size) -> Result<f64, Failure> {
    let Size { architecture, .. } = function;
    Ok(*prices.get(architecture).ok_or_else(|| format!("docs/prices.json has no price of {architecture}"))?)
}
