//! What both functions share about HTTP, and nothing about logs: an API Gateway REST (v1) proxy event comes in
//! as a [`Request`], an [`Answer`] goes out; errors are [`Problem`]s (RFC 9457). [`serve`] is the loop around it.
//!
//! Not built on `lambda_http`: version 1.3 panics on a body that is not base64 and on a `Host` header that is
//! no host name, and both are the client's to choose (docs/decisions.md).

mod answer;
mod event;
mod problem;
mod serve;

pub use answer::{Answer, PROBLEM_JSON};
pub use event::{NotBase64, Request};
pub use problem::Problem;
pub use serve::serve;
