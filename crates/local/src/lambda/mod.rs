//! Lambda as a function sees it: the Runtime API, and environments that start on demand up to a limit. An environment gets
//! one event at a time, or several as on Lambda Managed Instances.

mod environment;
mod function;
pub(crate) mod log;
mod runtime_api;

pub(crate) use environment::MAX_CONCURRENCY;
pub use environment::{Environment, FunctionConfig, InvokeError};
pub use function::Function;
