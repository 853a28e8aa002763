//! The kinds of faults, and the schedule that follows from the seed.

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;

use crate::testbed::StoreName;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Kind {
    DatabaseKilled,
    DatabaseRestarted,
    DatabaseFrozen,
    FunctionKilled,
    FunctionsKilled,
    FunctionsFrozen,
    ConnectionsCut,
    ConnectionsSlow,
    ConnectionsJammed,
    ConnectionsSwallowed,
    AnswersLost,
    ConnectionsRefused,
    /// MySQL only.
    ConnectionsKilled,
    /// MySQL only.
    ConnectionsFull,
    /// MySQL only.
    ReadOnly,
    /// DynamoDB only.
    Throttled,
    /// DynamoDB only: 500, although the request may have been carried out.
    InternalErrors,
    /// Queued mode only.
    QueueFrozen,
}

impl Kind {
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The name in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DatabaseKilled => "database: kill -9, away, started again",
            Self::DatabaseRestarted => "database: restarted in good order",
            Self::DatabaseFrozen => "database: frozen",
            Self::FunctionKilled => "functions: kill -9 of one",
            Self::FunctionsKilled => "functions: kill -9 of all",
            Self::FunctionsFrozen => "functions: all frozen",
            Self::ConnectionsCut => "connections: all cut, again and again",
            Self::ConnectionsSlow => "connections: slow",
            Self::ConnectionsJammed => "connections: jammed, all comes late",
            Self::ConnectionsSwallowed => "connections: swallowed",
            Self::AnswersLost => "connections: the database's answers lost",
            Self::ConnectionsRefused => "connections: cut and refused",
            Self::ConnectionsKilled => "connections: KILL by SQL, again and again",
            Self::ConnectionsFull => "connections: max_connections used up",
            Self::ReadOnly => "database: read-only",
            Self::Throttled => "table: throttled",
            Self::InternalErrors => "table: answers 500, carried out or not",
            Self::QueueFrozen => "queue: frozen",
        }
    }

    /// Whether this store and mode have such a fault.
    pub(crate) fn can_happen(self, store: StoreName, queued: bool) -> bool {
        match self {
            Self::ConnectionsKilled | Self::ConnectionsFull | Self::ReadOnly => store == StoreName::Mysql,
            Self::Throttled | Self::InternalErrors => store == StoreName::Dynamodb,
            Self::QueueFrozen => queued,
            _ => true,
        }
    }

    /// Whether the database exits. Such a fault ends when the database accepts connections again.
    pub(crate) fn restarts_the_database(self) -> bool {
        matches!(self, Self::DatabaseKilled | Self::DatabaseRestarted)
    }

    /// The range of its duration in milliseconds. Some faults may outlast the timeout of a function.
    fn lasts_ms(self) -> std::ops::RangeInclusive<u64> {
        match self {
            Self::FunctionKilled | Self::FunctionsKilled => 0..=0,
            Self::DatabaseKilled | Self::DatabaseRestarted => 0..=1_000,
            Self::ConnectionsCut | Self::ConnectionsKilled => 100..=800,
            Self::FunctionsFrozen | Self::ConnectionsJammed | Self::DatabaseFrozen => 300..=5_000,
            _ => 300..=2_000,
        }
    }
}

/// Removes duplicates, and sorts by the order of [`Kind::all`].
pub(crate) fn unique(kinds: &[Kind]) -> Vec<Kind> {
    Kind::all().iter().copied().filter(|kind| kinds.contains(kind)).collect()
}

/// One fault of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// From beginning to end. The time that a database takes to start comes on top.
    pub(crate) lasts: Duration,
    /// Before the fault.
    pub(crate) pause: Duration,
    /// A random number: chooses one of several processes, or how slow a connection gets.
    pub(crate) choice: u64,
}

/// Endless faults, in rounds: each kind comes once before any comes again.
pub(crate) struct Schedule {
    random: Rng,
    kinds: Vec<Kind>,
    round: Vec<Kind>,
}

impl Schedule {
    /// Of these kinds, or of all if `kinds` is empty; without those that this store or mode does not have.
    pub(crate) fn new(random: Rng, kinds: &[Kind], store: StoreName, queued: bool) -> Self {
        let mut kinds = if kinds.is_empty() { Kind::all() } else { kinds }.to_vec();
        kinds.retain(|kind| kind.can_happen(store, queued));
        Self { random, kinds, round: Vec::new() }
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.round.is_empty() {
            self.round.clone_from(&self.kinds);
            self.random.shuffle(&mut self.round);
        }
        let kind = self.round.pop()?;
        let lasts = Duration::from_millis(self.random.u64(kind.lasts_ms()));
        let pause = Duration::from_millis(self.random.u64(200..800));
        Some(Fault { kind, lasts, pause, choice: self.random.u64(..) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn faults(seed: u64) -> Vec<Fault> {
        let schedule = Schedule::new(Rng::with_seed(seed), &[], StoreName::Dynamodb, true);
        schedule.take(2 * kinds(StoreName::Dynamodb).len()).collect()
    }

    fn kinds(store: StoreName) -> Vec<Kind> {
        Kind::all().iter().copied().filter(|kind| kind.can_happen(store, true)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_one_others() {
        assert_eq!(faults(1), faults(1));
        assert_ne!(faults(1), faults(2));
    }

    #[test]
    fn only_the_requested_kinds_occur() {
        let kinds = [Kind::ReadOnly, Kind::AnswersLost];
        let schedule = Schedule::new(Rng::with_seed(1), &kinds, StoreName::Mysql, false);
        let mut round: Vec<_> = schedule.take(4).map(|fault| fault.kind).collect();
        round.sort_unstable_by_key(|kind| kind.name());
        assert_eq!(round, [Kind::AnswersLost, Kind::AnswersLost, Kind::ReadOnly, Kind::ReadOnly]);
    }

    #[test]
    fn each_kind_occurs_once_before_any_occurs_again() {
        let all = kinds(StoreName::Dynamodb);
        for round in faults(1).chunks(all.len()) {
            let kinds: HashSet<_> = round.iter().map(|fault| fault.kind).collect();
            assert_eq!(kinds.len(), all.len());
        }
    }

    #[test]
    fn each_store_has_faults_of_its_own() {
        let (mysql, dynamodb) = (kinds(StoreName::Mysql), kinds(StoreName::Dynamodb));
        assert!(mysql.contains(&Kind::ReadOnly) && !mysql.contains(&Kind::Throttled), "{mysql:?}");
        assert!(!dynamodb.contains(&Kind::ReadOnly) && dynamodb.contains(&Kind::Throttled), "{dynamodb:?}");
    }
}
