//! The product on one machine: a private database server, the real function binaries driven over the Lambda
//! Runtime API, and two gateways that answer as API Gateway would.
//!
//! [`database`] starts and stops a private server; [`dynoxide`] plays DynamoDB, where that is the store. [`lambda`] runs
//! environments of functions. [`gateway`] checks what API Gateway checks and turns HTTP into events. In queued mode
//! [`moto`] plays SQS, [`queue`] is its client, and [`event_source`] polls it for a function. [`state`] is the folder
//! `.local/`, and [`up`] puts everything together. The tests and the crate `lab` use the same parts, and [`iam_server`], which
//! verifies IAM tokens as RDS does.

pub mod binaries;
pub mod database;
pub mod dynoxide;
pub mod event_source;
pub mod fault_proxy;
pub mod gateway;
pub mod iam_server;
pub mod lambda;
pub mod moto;
pub mod numbers;
pub mod processes;
pub mod programs;
pub mod progress;
pub mod proxy;
pub mod queue;
pub mod signals;
pub mod state;
pub mod temporary_folder;
pub mod up;

/// Why a command failed: one sentence for the user. Boxed: nobody matches on it (docs/decisions/0108).
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
