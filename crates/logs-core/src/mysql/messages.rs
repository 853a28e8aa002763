//! Many batches at once, as they come out of the queue: few large statements, each batch once, and none that takes its
//! neighbours down.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::connection::{Connections, Repeat};
use super::error::StoreError;
use super::ledger::{self, Entry, Insertion, RequestNumber};
use super::statements::LOGS_PER_STATEMENT;
use crate::{Deadline, Message};

/// A transaction has at most so many messages: the ledger's rows are one statement.
const MESSAGES_PER_TRANSACTION: usize = 1_000;

/// A transaction has no more logs than that, unless a single message has: some tenths of a second of work.
const LOGS_PER_TRANSACTION: usize = 10_000;

/// With less time left no further transaction is begun: it might be cut off.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(3);

/// After so many refusals and nothing that is stored, it is not the messages. Halving down to the single message that is
/// to blame takes ten.
const REFUSALS: usize = 30;

/// What became of one message.
#[derive(Debug)]
pub enum Delivery {
    /// Stored, by this call.
    Stored,
    /// Stored before; nothing was done.
    Duplicate,
    /// Another batch is stored under this key; nothing was done.
    KeyReused,
    /// The database refuses just this message.
    Refused(StoreError),
    /// There was no time or no database for it. Whether it is stored the ledger will tell when it is delivered again.
    NotStored,
}

/// What became of them all.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// In the order of the messages.
    pub outcomes: Vec<Delivery>,
    /// Logs that were stored.
    pub logs: usize,
    /// Statements that stored them, those for the ledger apart.
    pub statements: usize,
    /// Why some are [`Delivery::NotStored`].
    pub error: Option<StoreError>,
}

/// Stores messages, each whole or not at all and only once.
pub(super) async fn insert(
    connections: &Connections,
    messages: &[Message],
    request: &RequestNumber,
    deadline: Deadline,
) -> Deliveries {
    let mut all = Deliveries::default();
    all.outcomes.resize_with(messages.len(), || Delivery::NotStored);
    let (firsts, twins) = order(messages);
    // A transaction that is refused is halved until the message that is to blame is alone. One that met a lock is halved,
    // too, and goes to the end: the others need not wait for that lock.
    let mut waiting = VecDeque::from(transactions(messages, &firsts));
    let (mut stored, mut refused) = (0, 0);
    while let Some(places) = waiting.pop_front() {
        if deadline.remaining() < TRANSACTION_LIMIT {
            all.error = Some(StoreError::TooLateToSend);
            break;
        }
        let entries: Vec<_> = places.iter().map(|place| Entry::of_message(&messages[*place])).collect();
        let insert = async |connection: &mut _| ledger::insert_all(connection, &entries, request).await;
        match connections.run(deadline, Repeat::Anything, insert).await {
            Ok(Some(insertions)) => {
                let mut logs = 0;
                for (place, insertion) in places.iter().zip(insertions) {
                    if insertion == Insertion::Stored {
                        logs += messages[*place].logs.len();
                    }
                    all.outcomes[*place] = insertion.into();
                }
                stored += places.len();
                all.logs += logs;
                all.statements += logs.div_ceil(LOGS_PER_STATEMENT);
            }
            Ok(None) => waiting.extend(halves(places)),
            Err(error @ StoreError::Refused(_)) if stored > 0 || refused < REFUSALS => {
                refused += 1;
                if places.len() == 1 {
                    all.outcomes[places[0]] = Delivery::Refused(error);
                } else {
                    halves(places).rev().for_each(|half| waiting.push_front(half));
                }
            }
            Err(error) => {
                all.error = Some(error);
                break;
            }
        }
    }
    for (twin, first) in twins {
        all.outcomes[twin] = after(&all.outcomes[first], &messages[twin], &messages[first]);
    }
    all
}

/// The places of the messages, by key: transactions that take their locks in one order do not lock each other out. Of
/// messages with the same key only the first; the others with the place of that one.
fn order(messages: &[Message]) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut first_of = HashMap::new();
    let (mut firsts, mut twins) = (Vec::new(), Vec::new());
    for (place, message) in messages.iter().enumerate() {
        match first_of.insert(message.key.as_str(), place) {
            None => firsts.push(place),
            Some(first) => {
                first_of.insert(message.key.as_str(), first);
                twins.push((place, first));
            }
        }
    }
    firsts.sort_unstable_by_key(|place| messages[*place].key.as_str());
    (firsts, twins)
}

fn transactions(messages: &[Message], places: &[usize]) -> Vec<Vec<usize>> {
    let mut transactions: Vec<Vec<usize>> = Vec::new();
    let mut logs = 0;
    for place in places {
        let more = messages[*place].logs.len();
        match transactions.last_mut() {
            Some(last) if last.len() < MESSAGES_PER_TRANSACTION && logs + more <= LOGS_PER_TRANSACTION => {
                last.push(*place);
                logs += more;
            }
            _ => {
                transactions.push(vec![*place]);
                logs = more;
            }
        }
    }
    transactions
}

/// The second is missing if there is only one place.
fn halves(mut places: Vec<usize>) -> impl DoubleEndedIterator<Item = Vec<usize>> {
    let second = places.split_off(places.len().div_ceil(2));
    [places, second].into_iter().filter(|half| !half.is_empty())
}

/// What becomes of a message after another one with its key.
fn after(first: &Delivery, twin: &Message, message: &Message) -> Delivery {
    match first {
        Delivery::Stored | Delivery::Duplicate if twin.fingerprint == message.fingerprint => Delivery::Duplicate,
        Delivery::Stored | Delivery::Duplicate => Delivery::KeyReused,
        // Either of the two may be the one that is stored under this key: the next delivery tells.
        Delivery::KeyReused | Delivery::Refused(_) | Delivery::NotStored => Delivery::NotStored,
    }
}

impl From<Insertion> for Delivery {
    fn from(insertion: Insertion) -> Self {
        match insertion {
            Insertion::Stored => Self::Stored,
            Insertion::Duplicate => Self::Duplicate,
            Insertion::KeyReused => Self::KeyReused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, logs: usize) -> Message {
        let logs = vec![r#"["a",1,1]"#; logs].join(",");
        Message::decode(&format!(r#"{{"version":1,"key":"{key}","received_at":1,"logs":[{logs}]}}"#)).unwrap()
    }

    #[test]
    fn messages_go_by_key_and_the_second_of_a_key_waits_for_the_first() {
        let messages = [message("b", 1), message("a", 1), message("b", 1), message("b", 2)];
        assert_eq!(order(&messages), (vec![1, 0], vec![(2, 0), (3, 0)]));
        assert!(matches!(after(&Delivery::Stored, &messages[2], &messages[0]), Delivery::Duplicate));
        assert!(matches!(after(&Delivery::Duplicate, &messages[3], &messages[0]), Delivery::KeyReused));
        assert!(matches!(after(&Delivery::NotStored, &messages[2], &messages[0]), Delivery::NotStored));
    }

    #[test]
    fn a_transaction_has_room_for_a_thousand_messages_or_ten_thousand_logs() {
        let places: Vec<_> = (0..2_001).collect();
        let small: Vec<_> = places.iter().map(|_| message("k", 1)).collect();
        let sizes = |transactions: Vec<Vec<usize>>| transactions.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(transactions(&small, &places)), [1_000, 1_000, 1]);
        let large: Vec<_> = (0..21).map(|_| message("k", 1_000)).collect();
        assert_eq!(sizes(transactions(&large, &places[..21])), [10, 10, 1]);
        assert_eq!(transactions(&[], &[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn halving_ends_with_one() {
        assert_eq!(halves(vec![1, 2, 3]).collect::<Vec<_>>(), [vec![1, 2], vec![3]]);
        assert_eq!(halves(vec![1]).collect::<Vec<_>>(), [vec![1]]);
    }
}
