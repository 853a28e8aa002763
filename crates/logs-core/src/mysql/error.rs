//! The database's errors: whether a statement was applied, and whether to retry it.

use sqlx::mysql::MySqlDatabaseError;

use super::login::LoginError;
use crate::StoreError;

// The server's error numbers: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
pub(super) const ACCESS_DENIED: u16 = 1045;
pub(super) const DATABASE_ACCESS_DENIED: u16 = 1044;
pub(super) const UNKNOWN_DATABASE: u16 = 1049;
pub(super) const UNKNOWN_COLUMN: u16 = 1054;
pub(super) const DUPLICATE_KEY: u16 = 1062;
#[cfg(feature = "migrate")]
pub(super) const SYNTAX: u16 = 1064;
pub(super) const TABLE_FULL: u16 = 1114;
pub(super) const TABLE_ACCESS_DENIED: u16 = 1142;
pub(super) const COLUMN_ACCESS_DENIED: u16 = 1143;
pub(super) const UNKNOWN_TABLE: u16 = 1146;
pub(super) const UNKNOWN_INDEX: u16 = 1176;
pub(super) const LOCK_WAIT_TIMEOUT: u16 = 1205;
pub(super) const DEADLOCK: u16 = 1213;
#[cfg(feature = "migrate")]
pub(super) const PRIVILEGE_MISSING: u16 = 1227;
#[cfg(feature = "migrate")]
pub(super) const CANNOT_CREATE_USER: u16 = 1410;
#[cfg(feature = "migrate")]
pub(super) const PLUGIN_MISSING: u16 = 1524;
pub(super) const ACCOUNT_ACCESS_DENIED: u16 = 1698;
const DISK_FULL: u16 = 1021;
const SHUTDOWN: u16 = 1053;
const READ_ONLY_OPTION: u16 = 1290;
const READ_ONLY_TRANSACTION: u16 = 1792;
const READ_ONLY_MODE: u16 = 1836;
const CONNECTION_KILLED_MARIADB: u16 = 1927;
const CONNECTION_KILLED: u16 = 3169;
const IDLE_DISCONNECT: u16 = 4031;

/// Why a call of the database failed. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum MySqlError {
    /// The credentials are not known. Nothing was sent.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// No connection could be made. Nothing was sent.
    #[error("cannot connect to the database: {0}")]
    Connect(#[source] sqlx::Error),
    /// The server refused the statement. Nothing of it is stored.
    #[error("the database refused the statement: {0}")]
    Refused(#[source] sqlx::Error),
    /// The connection broke after the statement was sent.
    #[error("the connection to the database broke: {0}")]
    Broken(#[source] sqlx::Error),
    /// The statement succeeded, but its result cannot be decoded: the schema is not that of `migrations/`.
    #[error("the database's response cannot be read: {0}")]
    Unreadable(#[source] sqlx::Error),
    /// The deadline, or the limit for connecting, passed before there was a connection. Nothing was sent.
    #[error("the database was not reached in time")]
    TooLateToSend,
    /// The deadline is near, so no further transaction was begun.
    #[error("there is no time left for another transaction")]
    NoTimeLeft,
    /// The time for this try passed after the statement was sent.
    #[error("the database did not answer in time")]
    NoAnswerInTime,
    /// Another transaction held the lock on the ledger's row until the deadline. This request stored nothing.
    #[error("the idempotency key is locked by another request")]
    KeyLocked,
    /// A batch with a key may have been committed, and the ledger could not be read afterwards.
    #[error("the outcome of the commit is not known: {0}")]
    Unresolved(#[source] Box<MySqlError>),
}

impl From<MySqlError> for StoreError {
    fn from(error: MySqlError) -> Self {
        if error.is_ambiguous() { Self::MayBeStored(error.into()) } else { Self::NotStored(error.into()) }
    }
}

impl MySqlError {
    /// Whether the statement may have been applied.
    pub(super) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::NoAnswerInTime | Self::Unresolved(_))
    }

    /// Whether connecting may succeed a moment later: the server starts, has no connection left, or its address is about to
    /// change. Not if it refuses the login, and not if a setting or a secret is wrong.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::TooLateToSend => true,
            Self::Connect(sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)) => false,
            Self::Connect(error) => !matches!(
                number(error),
                Some(DATABASE_ACCESS_DENIED | ACCESS_DENIED | UNKNOWN_DATABASE | ACCOUNT_ACCESS_DENIED)
            ),
            _ => false,
        }
    }

    /// Whether the server would refuse any other message as well: it is read-only, its disk is full, or a table or
    /// privilege is missing.
    pub(super) fn is_about_the_server(&self) -> bool {
        let Self::Refused(error) = self else { return false };
        Refusal::of(error) == Some(Refusal::NeedsNewConnection)
            || matches!(
                number(error),
                Some(
                    DISK_FULL
                        | DATABASE_ACCESS_DENIED
                        | TABLE_ACCESS_DENIED
                        | COLUMN_ACCESS_DENIED
                        | UNKNOWN_TABLE
                        | UNKNOWN_COLUMN
                        | TABLE_FULL
                )
            )
    }

    pub(super) fn of_statement(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(_) => Self::Refused(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Unreadable(error)
            }
            _ => Self::Broken(error),
        }
    }
}

/// Whether to retry a statement that the server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Retry on a new connection: this one is being closed, or its server became read-only.
    NeedsNewConnection,
    /// Retry on the same connection: another transaction held a lock.
    Contended,
    /// Do not retry: the server would refuse it again.
    Final,
}

impl Refusal {
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::Database(_) = error else {
            return None;
        };
        Some(match number(error) {
            Some(
                SHUTDOWN
                | READ_ONLY_OPTION
                | READ_ONLY_TRANSACTION
                | READ_ONLY_MODE
                | CONNECTION_KILLED_MARIADB
                | CONNECTION_KILLED
                | IDLE_DISCONNECT,
            ) => Self::NeedsNewConnection,
            Some(LOCK_WAIT_TIMEOUT | DEADLOCK) => Self::Contended,
            _ => Self::Final,
        })
    }
}

/// The server's error number, if the error comes from the server.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn broken() -> sqlx::Error {
        sqlx::Error::Io(io::ErrorKind::ConnectionReset.into())
    }

    fn configuration() -> sqlx::Error {
        sqlx::Error::Configuration("no such option".into())
    }

    #[test]
    fn only_a_statement_without_a_response_may_have_been_applied() {
        let unresolved = MySqlError::Unresolved(Box::new(MySqlError::NoTimeLeft));
        for error in [MySqlError::Broken(broken()), MySqlError::NoAnswerInTime, unresolved] {
            assert!(error.is_ambiguous(), "{error}");
        }
        for error in [MySqlError::Connect(broken()), MySqlError::TooLateToSend, MySqlError::KeyLocked] {
            assert!(!error.is_ambiguous(), "{error}");
        }
    }

    #[test]
    fn connecting_is_retried_unless_a_setting_is_wrong() {
        for error in [MySqlError::TooLateToSend, MySqlError::Connect(broken())] {
            assert!(error.is_transient(), "{error}");
        }
        let tls = sqlx::Error::Tls("unknown issuer".into());
        for error in [MySqlError::Connect(configuration()), MySqlError::Connect(tls), MySqlError::Broken(broken())] {
            assert!(!error.is_transient(), "{error}");
        }
    }

    #[test]
    fn an_error_that_is_not_the_servers_is_not_a_refusal() {
        assert!(matches!(MySqlError::of_statement(broken()), MySqlError::Broken(_)));
        let nameless = sqlx::Error::ColumnNotFound("error_log_id".to_owned());
        assert!(matches!(MySqlError::of_statement(nameless), MySqlError::Unreadable(_)));
        assert_eq!(Refusal::of(&broken()), None);
        assert_eq!(number(&broken()), None);
        assert!(!MySqlError::Broken(broken()).is_about_the_server());
    }
}
