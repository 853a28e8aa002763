//! Lambda as far as a function can tell: the Runtime API, environments that have one event at a time or, as on Lambda
//! Managed Instances, several, and as many environments as the events at once need, up to a limit.

mod environment;
mod function;
pub(crate) mod log;
mod runtime_api;

pub(crate) use environment::MAX_CONCURRENCY;
pub use environment::{Environment, FunctionConfig, InvokeError};
pub use function::Function;
