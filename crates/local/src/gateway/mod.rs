//! API Gateway as a client sees it: checks path and method, key, usage plan, size and compression, in that order. An
//! accepted request becomes a REST (v1) proxy event.

mod body;
mod event;
mod page;
mod serve;
mod usage_plan;

pub use event::to_event;
pub use page::{NamesError, page};
pub use serve::{Gateway, GatewayConfig};
pub use usage_plan::UsagePlan;
