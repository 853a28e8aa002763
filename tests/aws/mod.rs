//! What operators deploy: the template, the zips, the costs.

mod deploy;
mod scaling;
mod template;
