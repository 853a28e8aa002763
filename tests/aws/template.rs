//! The template of each variant, as osls packages it. No AWS account is needed.

mod alarms;
mod aliases;
mod apis;
mod dashboard;
mod database;
mod dynamodb;
mod functions;
mod gateway_responses;
mod idle;
mod linters;
mod parameter_store;
mod parameters;
mod queue;
mod roles;
