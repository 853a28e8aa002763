//! What a client sees: requests, responses, keys, bad input.

mod bad_input;
mod browser;
mod c_client;
mod contract;
mod dashboard;
mod device;
mod device_test;
mod gateways;
mod handlers;
mod idempotency;
mod ndjson;
mod page;
mod python_client;
mod queries;
