//! Errors are sentences for the developer who runs the command. What the service does wrong goes into the report.

use local::lambda::InvokeError;

pub(crate) use local::Failure as LabError;

/// An error that the functions' logs explain, so the testbed keeps them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SeeLogs(pub(crate) String);

/// `log` ends a sentence that begins with "its log".
pub(crate) fn invocation_failed(function: &str, error: &InvokeError, log: &str) -> LabError {
    SeeLogs(format!("{function}: {error}; its log {log}")).into()
}

/// The time of such an answer means nothing.
pub(crate) fn wrong_answer(function: &str, answer: &[u8]) -> LabError {
    let answer: String = String::from_utf8_lossy(answer).chars().take(300).collect();
    format!("{function} gave a wrong answer: {answer}").into()
}
