//! Stores the messages of the queue in few large transactions: each batch once. A bad one does not harm the others.

use std::time::{Duration, Instant};

use super::connection::Connections;
use super::error::MySqlError;
use super::ledger::{InsertAll, RequestNumber};
use super::transactions::Transactions;
use crate::{Deadline, Message, MessageReport};

/// No transaction begins with less time left: the deadline might cut it off.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(3);

/// The limit for one transaction. They are sized to take two seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Stores messages: each as a whole or not at all, and only once.
pub(super) async fn insert(
    connections: &Connections,
    messages: Vec<Message>,
    request: &RequestNumber,
    deadline: Deadline,
) -> MessageReport {
    let mut transactions = Transactions::new(messages);
    let mut error = None;
    while let Some(transaction) = transactions.next() {
        if deadline.remaining() < TRANSACTION_LIMIT {
            transactions.put_back(transaction);
            error = Some(MySqlError::NoTimeLeft);
            break;
        }
        let insert = InsertAll { messages: &transaction.messages, request };
        let started = Instant::now();
        let result = connections.run(deadline.at_most(ANSWER_LIMIT), insert).await;
        error = transactions.settle(transaction, result, started.elapsed());
        if error.is_some() {
            break;
        }
    }
    transactions.report(error.map(Into::into))
}
