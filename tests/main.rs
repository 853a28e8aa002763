//! One integration binary. `./dev test` runs it, with a database server of its own in `DATABASE_SERVER_URL`;
//! each test makes its own database there, and needs nothing that another one left.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bad_luck;
mod chaos;
mod contract;
mod dashboard;
mod deploy;
mod device;
mod encryption;
mod event_source;
mod functions;
mod gateways;
mod handlers;
mod harness;
mod idempotency;
mod load;
mod migrate;
mod migrations;
mod queued;
mod retention;
mod scaling;
mod secrets;
mod store;
mod store_logs;
mod template;
mod up;
mod up_queued;
