//! The store on a real server: its schema, its users, its secrets.

mod encryption;
mod iam;
mod migrate;
mod migrations;
mod parameter_store;
mod retention;
mod secrets;
mod store;
mod summary;
