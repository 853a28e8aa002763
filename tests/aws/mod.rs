//! What operators deploy: the template, the zips, the costs.

mod costs;
mod deploy;
mod scaling;
mod template;
