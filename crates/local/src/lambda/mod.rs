//! Lambda as far as a function can tell: the Runtime API, environments that handle one event at a time, and as
//! many of them as there are events at once, up to a limit.

mod environment;
mod function;
pub(crate) mod log;
mod runtime_api;

pub use environment::{Environment, FunctionConfig, InvokeError};
pub use function::Function;
