//! What the functions share about Lambda and HTTP. It knows nothing about logs.
//!
//! - [`run`] is the body of every `main`: it starts the log, sets the function up, and reports why the process ends.
//! - [`serve`] runs an HTTP [`Handler`] on `lambda_http`. It adds what `lambda_http` lacks: a deadline, the request id in
//!   each log line, and `access-control-allow-origin` (CORS) on every response.
//! - [`serve_events`] does the same for the events of queues and schedules.
//! - [`Problem`] is the body of every 4xx and 5xx response (RFC 9457); [`json`] and [`unavailable`] make responses.

mod events;
mod origin;
mod problem;
mod response;
mod serve;
mod start;

pub use events::serve_events;
pub use origin::allowed_origin;
pub use problem::{PROBLEM_JSON, Problem};
pub use response::{Response, json, set_header, unavailable};
pub use serve::{Handler, deadline, request_id, serve};
pub use start::{Error, run};
