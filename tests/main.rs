//! One integration binary. `./dev test` runs it, with a database server of its own in `DATABASE_SERVER_URL`;
//! each test makes its own database there, and needs nothing that another one left.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod aws;
mod commands;
mod database;
mod dynamodb;
mod functions;
mod harness;
mod http;
