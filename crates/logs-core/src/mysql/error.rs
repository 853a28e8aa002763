//! What a failure of the database means for what was sent.

use sqlx::mysql::MySqlDatabaseError;

use super::login::LoginError;

/// Why the store did not do what it was asked. The text is for the operator, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nobody knows how to log in: nothing was sent.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// No connection could be made: nothing was sent.
    #[error("cannot connect to the database: {0}")]
    Connect(#[source] sqlx::Error),
    /// The server refused the statement: nothing of it is stored.
    #[error("the database refused the statement: {0}")]
    Refused(#[source] sqlx::Error),
    /// The connection broke after the statement was sent.
    #[error("the connection to the database broke: {0}")]
    Broken(#[source] sqlx::Error),
    /// The server did it, and its answer makes no sense: the schema is not the one of `migrations/`.
    #[error("the database's answer cannot be read: {0}")]
    Unreadable(#[source] sqlx::Error),
    /// The deadline, or the limit for connecting, passed before there was a connection: nothing was sent.
    #[error("the database was not reached in time")]
    TooLateToSend,
    /// The deadline is near, and no more was begun.
    #[error("there is no time left for more")]
    NoTimeLeft,
    /// The deadline passed after the statement was sent.
    #[error("the deadline passed before the database answered")]
    NoAnswerInTime,
    /// A lock was in the way of the ledger's row all the time: nothing was stored by this request. As a rule another one
    /// with the same idempotency key is at work; who locks the whole table, as for a backup, looks the same.
    #[error("another request with the same key may be at work")]
    KeyInFlight,
    /// A batch with a key was committed or not, and the ledger could not be asked any more.
    #[error("the outcome of the commit is not known: {0}")]
    Unresolved(#[source] Box<StoreError>),
}

impl StoreError {
    /// Whether the statement may have been carried out all the same. Only an idempotency key makes it safe to
    /// send such a batch again.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::NoAnswerInTime | Self::Unresolved(_))
    }

    /// Whether connecting may succeed a moment later: the server starts, or has no connection left, or an address is about
    /// to change. Not if it knows the name and refuses, and not if a setting or a secret is wrong.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::TooLateToSend => true,
            Self::Connect(sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)) => false,
            // access to the database, to the server; no such database
            Self::Connect(error) => !matches!(number(error), Some(1044 | 1045 | 1049 | 1698)),
            _ => false,
        }
    }

    /// Whether a refusal has nothing to do with what was sent: another server, right or table is needed, or more room.
    pub(super) fn is_about_the_server(&self) -> bool {
        let Self::Refused(error) = self else { return false };
        Refusal::of(error) == Some(Refusal::NeedsNewConnection)
            // disk full; no right to a database, a table, a column; no such table, no such column; table full
            || matches!(number(error), Some(1021 | 1044 | 1142 | 1143 | 1146 | 1054 | 1114))
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

/// What a refusal by the server says about trying again.
/// Numbers: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another connection may do: this one is being closed, or leads to a server that became read-only.
    NeedsNewConnection,
    /// The same connection may do, a moment later: a lock was in the way.
    Contended,
    /// Trying again changes nothing.
    Final,
}

impl Refusal {
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::Database(_) = error else {
            return None;
        };
        Some(match number(error) {
            // shutdown in progress; read-only server (option, mode, transaction); connection killed
            // (MariaDB, MySQL); closed by the server after idling
            Some(1053 | 1290 | 1792 | 1836 | 1927 | 3169 | 4031) => Self::NeedsNewConnection,
            // lock wait timeout, deadlock
            Some(1205 | 1213) => Self::Contended,
            _ => Self::Final,
        })
    }
}

/// The server's number of an error, if it is the server that reports it.
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
    fn only_what_was_sent_and_not_answered_may_have_been_carried_out() {
        let unresolved = StoreError::Unresolved(Box::new(StoreError::NoTimeLeft));
        for error in [StoreError::Broken(broken()), StoreError::NoAnswerInTime, unresolved] {
            assert!(error.is_ambiguous(), "{error}");
        }
        for error in [StoreError::Connect(broken()), StoreError::TooLateToSend, StoreError::KeyInFlight] {
            assert!(!error.is_ambiguous(), "{error}");
        }
    }

    #[test]
    fn connecting_is_tried_again_unless_a_setting_is_wrong() {
        for error in [StoreError::TooLateToSend, StoreError::Connect(broken())] {
            assert!(error.may_pass(), "{error}");
        }
        let tls = sqlx::Error::Tls("unknown issuer".into());
        for error in [StoreError::Connect(configuration()), StoreError::Connect(tls), StoreError::Broken(broken())] {
            assert!(!error.may_pass(), "{error}");
        }
    }

    #[test]
    fn what_the_server_did_not_say_is_no_refusal() {
        assert!(matches!(StoreError::of_statement(broken()), StoreError::Broken(_)));
        let nameless = sqlx::Error::ColumnNotFound("error_log_id".to_owned());
        assert!(matches!(StoreError::of_statement(nameless), StoreError::Unreadable(_)));
        assert_eq!(Refusal::of(&broken()), None);
        assert_eq!(number(&broken()), None);
        assert!(!StoreError::Broken(broken()).is_about_the_server());
    }
}
