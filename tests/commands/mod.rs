//! The commands of `./dev` as a user runs them.

mod build;
mod chaos;
mod load;
mod up;
mod up_queued;
