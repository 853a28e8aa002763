//! What a failed call says about what was sent.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::items::Item;
use crate::{StoreError, aws};

/// An item that was there already.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InTheWay {
    /// The place of the new one among those to put.
    pub(super) place: usize,
    /// The one that is there. Not every implementation of DynamoDB sends it.
    pub(super) item: Option<Item>,
}

/// Why one call failed. The text is for the operator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum TableError {
    /// DynamoDB refused it, and would again. Nothing of it is stored.
    #[error("DynamoDB refused the request: {0}")]
    Refused(String),
    /// Conditions failed. Nothing of it is stored.
    #[error("the condition of an item failed")]
    Condition(Vec<InTheWay>),
    /// The table, or this account, is asked for too much. Nothing of it is stored.
    #[error("DynamoDB throttles: {0}")]
    Throttled(String),
    /// Another transaction has one of the items. Nothing of it is stored.
    #[error("another transaction is in the way: {0}")]
    Conflict(String),
    /// Nobody was reached. Nothing was sent.
    #[error("DynamoDB is out of reach: {0}")]
    OutOfReach(String),
    /// It may have been carried out.
    #[error("DynamoDB did not answer as it should: {0}")]
    NoAnswer(String),
}

/// Why a call failed after all its tries.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) error: TableError,
    /// Whether one of the tries may have been carried out.
    pub(super) ambiguous: bool,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let Failure { error, ambiguous } = failure;
        if ambiguous { Self::MayBeStored(error.into()) } else { Self::NotStored(error.into()) }
    }
}

impl TableError {
    /// Whether the next try may succeed.
    pub(super) fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Condition(_))
    }

    /// Of any call.
    pub(super) fn of<E>(table: &str, error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let text = aws::explain(error);
        match error {
            SdkError::DispatchFailure(failure) if failure.is_user() => Self::Refused(text),
            SdkError::DispatchFailure(_) if is_without_connection(error) => Self::OutOfReach(text),
            SdkError::ConstructionFailure(_) => Self::Refused(text),
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let (code, message) = (service.err().code().unwrap_or("no code"), service.err().message());
                Self::of_code(table, code, message.unwrap_or("no reason is given"), status)
            }
            _ => Self::NoAnswer(text),
        }
    }

    /// Codes: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
    fn of_code(table: &str, code: &str, message: &str, status: u16) -> Self {
        let text = format!("{message} ({code})");
        match code {
            "ConditionalCheckFailedException" => Self::Condition(Vec::new()),
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "LimitExceededException" => Self::Throttled(text),
            "TransactionConflictException" | "TransactionInProgressException" => Self::Conflict(text),
            "ResourceNotFoundException" => Self::Refused(format!("there is no table {table} in this region ({code})")),
            "ValidationException" => {
                Self::Refused(format!("{text}; does the table {table} have the keys pk and sk, both strings?"))
            }
            _ if (400..500).contains(&status) && code != "no code" => Self::Refused(text),
            _ => Self::NoAnswer(format!("HTTP {status}: {text}")),
        }
    }

    /// Of a transaction: by the reasons for each item.
    pub(super) fn of_transaction(table: &str, error: &SdkError<TransactWriteItemsError>) -> Self {
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return Self::of(table, error);
        };
        let reasons = canceled.cancellation_reasons();
        let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
        let text = canceled.message().unwrap_or("the transaction was cancelled").to_owned();
        if has("ConditionalCheckFailed") {
            let failed =
                reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
            Self::Condition(failed.map(|(place, reason)| InTheWay { place, item: reason.item().cloned() }).collect())
        } else if has("TransactionConflict") {
            Self::Conflict(text)
        } else if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
            Self::Throttled(text)
        } else {
            Self::Refused(text)
        }
    }
}

/// Whether there was no connection: no address, nobody who listens, no TLS, not in time. The SDK reports that as `io`, and
/// a connection that was reset while it waited for the response as well; only the causes tell them apart.
fn is_without_connection(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |cause| (*cause).source())
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::dynamodb::items::head_key;
    use crate::dynamodb::table::Table;

    fn of_code(code: &str, status: u16) -> TableError {
        TableError::of_code("error-codes", code, "so", status)
    }

    #[test]
    fn throttles_conflicts_and_failures_of_the_service_are_transient() {
        for (code, status) in [
            ("ProvisionedThroughputExceededException", 400),
            ("ThrottlingException", 400),
            ("RequestLimitExceeded", 400),
            ("TransactionConflictException", 400),
            ("InternalServerError", 500),
            ("no code", 503),
            ("no code", 400),
        ] {
            assert!(of_code(code, status).is_transient(), "{code}");
        }
    }

    #[test]
    fn what_a_setting_or_a_permission_causes_is_final_and_says_what_to_look_at() {
        for (code, part) in [
            ("ResourceNotFoundException", "there is no table error-codes in this region"),
            ("AccessDeniedException", "so (AccessDeniedException)"),
            ("ValidationException", "does the table error-codes have the keys pk and sk, both strings?"),
        ] {
            let error = of_code(code, 400);
            assert!(!error.is_transient() && error.to_string().contains(part), "{error}");
        }
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent_and_with_one_that_falls_silent_it_may_be() {
        // Accepts connections, and says nothing: no TLS either.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let error = async |url: &str| {
            let client = Table::at("error-codes", url).unwrap().client;
            let request = client.get_item().table_name("error-codes").set_key(Some(head_key(0)));
            TableError::of("error-codes", &request.send().await.unwrap_err())
        };
        for url in ["http://127.0.0.1:1", "http://nowhere.invalid:1", &format!("https://127.0.0.1:{port}")] {
            let error = error(url).await;
            assert!(matches!(error, TableError::OutOfReach(_)), "{url}: {error:?}");
        }
        let error = error(&format!("http://127.0.0.1:{port}")).await;
        assert!(matches!(error, TableError::NoAnswer(_)), "{error:?}");
    }

    #[test]
    fn only_what_failed_after_it_was_sent_may_be_stored() {
        let of = |ambiguous| StoreError::from(Failure { error: of_code("InternalServerError", 500), ambiguous });
        assert!(of(true).is_ambiguous() && !of(false).is_ambiguous());
    }
}
