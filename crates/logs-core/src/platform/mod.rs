//! What a function needs around the contract: settings, secrets, time, logs and metrics.

pub mod aws;
mod backoff;
pub mod certificates;
pub mod clock;
mod credentials;
mod deadline;
pub(crate) mod iam_token;
pub mod metrics;
pub mod operator_log;
pub(crate) mod secret;
pub mod settings;
mod signature;
pub mod signed_call;

pub(crate) use backoff::Backoff;
pub use credentials::{Credentials, CredentialsError};
pub use deadline::Deadline;
pub use secret::{Secret, SecretError};
