//! The commands of `./dev` as a user runs them.

mod build;
mod chaos;
mod copy;
mod demo;
mod device_test;
mod load;
mod up;
mod up_dynamodb;
mod up_queued;
mod up_refused;
mod up_summary;
mod workflows;
