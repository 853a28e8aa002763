//! The function binaries over the real Runtime API, with and without outages.

mod concurrency;
mod device_rate;
mod event_source;
mod events;
mod outages;
mod queued;
mod store_logs;
