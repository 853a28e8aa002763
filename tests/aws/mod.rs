//! What operators deploy and run: the template, the zips, the costs, the way back, the status.

mod account;
mod costs;
mod deploy;
mod rollback;
mod scaling;
mod status;
mod template;
