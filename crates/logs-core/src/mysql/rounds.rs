//! Which messages go into which transaction, and what is tried again in smaller pieces.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::{Fingerprint, Message};

/// A transaction has at most so many messages: the ledger's rows are one statement.
const MAX_MESSAGES: usize = 1_000;

/// The first transaction has so many logs, unless a single message has more; how long it takes decides on the next.
const FIRST_LOGS: usize = 1_000;

/// A transaction has at most so many.
const MAX_LOGS: usize = 10_000;

/// Fewer are not worth a transaction.
const MIN_LOGS: usize = 100;

/// How long a transaction shall take: a slow database gets small ones, and each of them is something done.
const TARGET_DURATION: Duration = Duration::from_secs(2);

/// What fails is tried again in so many pieces: a thousand messages are single ones after four times.
const BISECT_FACTOR: usize = 8;

/// The place of a message that came twice, and the place of the first one.
pub(super) type Twin = (usize, usize);

/// The messages of each round, by their places. In a round no key comes twice: which of two batches with one key is the
/// one that is stored the ledger knows only when the first is through.
///
/// By time, so that what has waited longest is stored first, and by key: transactions that take their locks in one order
/// do not lock each other out.
pub(super) fn rounds(messages: &[Message]) -> (Vec<Vec<usize>>, Vec<Twin>) {
    let mut seen: HashMap<&str, Vec<(Fingerprint, usize)>> = HashMap::new();
    let (mut rounds, mut twins) = (Vec::<Vec<usize>>::new(), Vec::new());
    for (place, message) in messages.iter().enumerate() {
        let batches = seen.entry(message.key.as_str()).or_default();
        if let Some((_, first)) = batches.iter().find(|(fingerprint, _)| *fingerprint == message.fingerprint) {
            twins.push((place, *first));
            continue;
        }
        if rounds.len() == batches.len() {
            rounds.push(Vec::new());
        }
        rounds[batches.len()].push(place);
        batches.push((message.fingerprint, place));
    }
    for round in &mut rounds {
        round.sort_unstable_by_key(|place| (messages[*place].received_at, messages[*place].key.as_str()));
    }
    (rounds, twins)
}

/// One round, transaction by transaction.
pub(super) struct Work<'a> {
    messages: &'a [Message],
    new: VecDeque<usize>,
    /// What failed, in pieces. They come last: nobody waits for what is wrong with them.
    again: VecDeque<Vec<usize>>,
    /// Those of `again` that have met a lock when they were alone.
    locked_alone: Vec<usize>,
    most_logs: usize,
}

impl<'a> Work<'a> {
    pub(super) fn new(messages: &'a [Message], round: Vec<usize>) -> Self {
        Self { messages, new: round.into(), again: VecDeque::new(), locked_alone: Vec::new(), most_logs: FIRST_LOGS }
    }

    /// The places of the next transaction's messages; `None` when all is done.
    pub(super) fn next(&mut self) -> Option<Vec<usize>> {
        let mut places = Vec::new();
        let mut logs = 0;
        while let Some(place) = self.new.front() {
            logs += self.messages[*place].logs.len();
            if places.len() == MAX_MESSAGES || (logs > self.most_logs && !places.is_empty()) {
                break;
            }
            places.extend(self.new.pop_front());
        }
        if places.is_empty() { self.again.pop_front() } else { Some(places) }
    }

    /// Adapts the size of the next ones.
    pub(super) fn took(&mut self, places: &[usize], time: Duration) {
        let logs: usize = places.iter().map(|place| self.messages[*place].logs.len()).sum();
        let milliseconds = usize::try_from(time.as_millis()).unwrap_or(usize::MAX).max(1);
        let shall_take = usize::try_from(TARGET_DURATION.as_millis()).unwrap_or(usize::MAX);
        self.most_logs = (logs * shall_take / milliseconds).clamp(MIN_LOGS, MAX_LOGS);
    }

    /// They met a lock. The one that is to blame, if it was alone for the second time.
    pub(super) fn locked(&mut self, places: &[usize]) -> Option<usize> {
        if let [alone] = *places {
            if self.locked_alone.contains(&alone) {
                return Some(alone);
            }
            self.locked_alone.push(alone);
        }
        self.again.extend(pieces(places));
        None
    }

    /// The database refused them. The one that is to blame, if it was alone.
    pub(super) fn refused(&mut self, places: &[usize]) -> Option<usize> {
        if let [alone] = *places {
            return Some(alone);
        }
        self.again.extend(pieces(places));
        None
    }

    /// There was no answer: at once again, as much as a slow database may manage.
    pub(super) fn broken(&mut self, places: Vec<usize>) {
        self.most_logs = (self.most_logs / BISECT_FACTOR).max(MIN_LOGS);
        for place in places.into_iter().rev() {
            self.new.push_front(place);
        }
    }
}

fn pieces(places: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    places.chunks(places.len().div_ceil(BISECT_FACTOR)).map(<[usize]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, received_at: i64, logs: usize) -> Message {
        let logs = vec![r#"["a",1,1]"#; logs].join(",");
        let body = format!(r#"{{"version":1,"key":"{key}","received_at":{received_at},"logs":[{logs}]}}"#);
        Message::decode(&body).unwrap()
    }

    fn sizes(work: &mut Work<'_>) -> Vec<usize> {
        std::iter::from_fn(|| work.next()).map(|places| places.len()).collect()
    }

    #[test]
    fn what_has_waited_longest_comes_first_and_each_round_has_a_key_once() {
        let messages = [
            message("a", 2, 1),
            message("z", 1, 1),
            message("a", 2, 1), // the same as the first
            message("a", 2, 2), // another batch under its key
            message("b", 2, 1),
        ];
        let (rounds, twins) = rounds(&messages);
        assert_eq!((rounds, twins), (vec![vec![1, 0, 4], vec![3]], vec![(2, 0)]));
    }

    #[test]
    fn the_first_transaction_is_small_and_the_next_ones_are_as_large_as_the_database_is_fast() {
        let messages: Vec<_> = (0..300).map(|number| message(&format!("{number:03}"), 1, 100)).collect();
        let round = || (0..300).collect::<Vec<_>>();
        let mut work = Work::new(&messages, round());
        let first = work.next().unwrap();
        assert_eq!(first.len(), 10);
        work.took(&first, Duration::from_millis(20));
        assert_eq!(sizes(&mut work), [100, 100, 90], "no more than ten thousand");
        let mut work = Work::new(&messages, round());
        let first = work.next().unwrap();
        work.took(&first, Duration::from_secs(4));
        assert_eq!(work.next().unwrap().len(), 5);
        let second = work.next().unwrap();
        work.broken(second.clone());
        assert_eq!(work.next().unwrap(), second[..1], "without an answer less is sent, from the same place on");
    }

    #[test]
    fn a_transaction_has_a_thousand_messages_at_most_and_one_message_at_least() {
        let small: Vec<_> = (0..2_001).map(|number| message(&format!("{number:04}"), 1, 1)).collect();
        let mut work = Work::new(&small, (0..2_001).collect());
        work.took(&[0], Duration::from_millis(1));
        assert_eq!(sizes(&mut work), [1_000, 1_000, 1]);
        let large = [message("a", 1, 1_000), message("b", 1, 1_000)];
        let mut work = Work::new(&large, vec![0, 1]);
        work.most_logs = MIN_LOGS;
        assert_eq!(sizes(&mut work), [1, 1]);
    }

    #[test]
    fn what_fails_comes_again_at_the_end_in_pieces_until_one_is_alone() {
        let messages: Vec<_> = (0..1_100).map(|number| message(&format!("{number:04}"), 1, 1)).collect();
        let mut work = Work::new(&messages, (0..1_100).collect());
        let first = work.next().unwrap();
        assert_eq!(work.refused(&first), None);
        assert_eq!(work.next().unwrap().len(), 100, "those that nobody has tried go first");
        assert_eq!(sizes(&mut work), [125; 8]);
        assert_eq!(work.refused(&[7]), Some(7));
        assert_eq!((work.locked(&[7]), work.next()), (None, Some(vec![7])));
        assert_eq!((work.locked(&[7]), work.next()), (Some(7), None));
    }
}
