//! What operators deploy: template, zips, costs.

mod costs;
mod deploy;
mod scaling;
mod template;
