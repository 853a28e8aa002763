//! API Gateway as far as a client can tell: path and method, key, usage plan, size and compression are checked
//! here, in that order; what passes becomes a REST (v1) proxy event.

mod body;
mod event;
mod page;
mod serve;
mod usage_plan;

pub use event::to_event;
pub use page::{NamesError, page};
pub use serve::{Gateway, GatewayConfig};
pub use usage_plan::UsagePlan;
