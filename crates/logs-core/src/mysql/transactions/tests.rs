use super::*;

fn message(key: &str, received_at: i64, logs: usize) -> Message {
    let logs = vec![r#"["a",1,1]"#; logs].join(",");
    let body = format!(r#"{{"version":1,"key":"{key}","received_at":{received_at},"logs":[{logs}]}}"#);
    Message::decode(key.to_owned(), &body).unwrap()
}

fn messages(count: usize, logs: usize) -> Transactions {
    Transactions::new((0..count).map(|number| message(&format!("{number:04}"), 1, logs)).collect())
}

fn sizes(transactions: &mut Transactions) -> Vec<usize> {
    std::iter::from_fn(|| transactions.next()).map(|transaction| transaction.messages.len()).collect()
}

fn keys(transaction: &Transaction) -> Vec<&str> {
    transaction.messages.iter().map(Message::id).collect()
}

fn commit(transactions: &mut Transactions, transaction: Transaction, took: Duration) {
    let outcomes = vec![InsertOutcome::Inserted; transaction.messages.len()];
    assert!(transactions.settle(transaction, Ok(Some(outcomes)), took).is_none());
}

fn broken() -> Result<Option<Vec<InsertOutcome>>, MySqlError> {
    Err(MySqlError::NoAnswerInTime)
}

#[test]
fn the_oldest_messages_come_first_and_no_transaction_has_a_key_twice() {
    let mut transactions = Transactions::new(vec![
        message("a", 2, 1),
        message("z", 1, 1),
        message("a", 2, 1), // the same as the first
        message("a", 2, 2), // another batch under its key
        message("b", 2, 1),
    ]);
    let first = transactions.next().unwrap();
    assert_eq!(keys(&first), ["z", "a", "b"]);
    commit(&mut transactions, first, Duration::from_secs(1));
    let second = transactions.next().unwrap();
    assert_eq!(keys(&second), ["a"]);
    let conflict = Ok(Some(vec![InsertOutcome::KeyConflict]));
    assert!(transactions.settle(second, conflict, Duration::from_secs(1)).is_none());
    assert!(transactions.next().is_none());
    let report = transactions.report(None);
    let outcomes: Vec<_> = report.outcomes.iter().map(|(message, outcome)| (message.id(), outcome)).collect();
    let inserted = &MessageOutcome::Settled(InsertOutcome::Inserted);
    let conflict = &MessageOutcome::Settled(InsertOutcome::KeyConflict);
    let duplicate = &MessageOutcome::Settled(InsertOutcome::AlreadyInserted);
    let expected = [("z", inserted), ("a", inserted), ("b", inserted), ("a", conflict), ("a", duplicate)];
    assert_eq!(outcomes, expected);
    assert_eq!((report.logs, report.statements), (3, 1));
}

#[test]
fn the_first_transaction_is_small_and_later_ones_follow_the_speed_of_the_database() {
    let mut transactions = messages(300, 100);
    let first = transactions.next().unwrap();
    assert_eq!(first.messages.len(), 10);
    commit(&mut transactions, first, Duration::from_millis(20));
    assert_eq!(sizes(&mut transactions), [100, 100, 90], "no more than ten thousand logs");
    let mut transactions = messages(300, 100);
    let first = transactions.next().unwrap();
    commit(&mut transactions, first, Duration::from_secs(4));
    assert_eq!(transactions.next().unwrap().messages.len(), 5);
    let second = transactions.next().unwrap();
    let begin = keys(&second)[0].to_owned();
    assert!(transactions.settle(second, broken(), Duration::from_secs(1)).is_none());
    assert_eq!(keys(&transactions.next().unwrap()), [begin], "without an answer less is sent, from there on");
}

#[test]
fn a_transaction_has_a_thousand_messages_at_most_and_one_message_at_least() {
    let mut transactions = messages(2_001, 1);
    transactions.max_logs = MAX_LOGS;
    assert_eq!(sizes(&mut transactions), [1_000, 1_000, 1]);
    let mut transactions = messages(2, 1_000);
    transactions.max_logs = MIN_LOGS;
    assert_eq!(sizes(&mut transactions), [1, 1]);
}

#[test]
fn a_locked_transaction_is_retried_last_in_parts_and_a_single_message_once_more() {
    let mut transactions = messages(1_100, 1);
    let first = transactions.next().unwrap();
    assert!(transactions.settle(first, Ok(None), Duration::ZERO).is_none());
    assert_eq!(transactions.next().unwrap().messages.len(), 100, "untried messages go first");
    assert_eq!(sizes(&mut transactions), [125; 8]);
    let mut transactions = messages(1, 1);
    for _ in 0..2 {
        let alone = transactions.next().unwrap();
        assert!(transactions.settle(alone, Ok(None), Duration::ZERO).is_none());
    }
    assert!(transactions.next().is_none());
    let locked = MessageOutcome::Settled(InsertOutcome::KeyInFlight);
    assert_eq!(transactions.report(None).outcomes[0].1, locked);
}

#[test]
fn after_two_broken_connections_the_work_stops_and_nothing_counts_as_stored() {
    let mut transactions = messages(3, 1);
    let first = transactions.next().unwrap();
    assert!(transactions.settle(first, broken(), Duration::ZERO).is_none());
    let again = transactions.next().unwrap();
    assert!(transactions.settle(again, broken(), Duration::ZERO).is_some());
    let outcomes = transactions.report(None).outcomes;
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == MessageOutcome::NotStored));
}
