//! The product on one machine: a private database server, the real function binaries driven over the Lambda
//! Runtime API, and two gateways that answer as API Gateway would.
//!
//! [`database`] starts and stops a private server; [`lambda`] runs function environments;
//! [`gateway`] checks what API Gateway checks and turns HTTP into events; [`state`] is the folder `.local/`.
//! [`dynoxide`] plays DynamoDB, where that is the store. In queued mode [`moto`] plays SQS, [`queue`] speaks to it, and [`event_source`] polls it for a function.
//! [`iam_server`] checks IAM tokens before a database server. [`up`] puts it all together. The tests use the same parts, and so do the commands that measure and attack, with
//! [`binaries`], [`fault_proxy`], [`numbers`], [`processes`], [`programs`], [`progress`], [`proxy`], [`signals`] and
//! [`temporary_folder`].

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
