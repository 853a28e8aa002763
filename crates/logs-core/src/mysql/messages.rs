//! Many batches at once, as they come out of the queue: few large statements, each batch once, and none that takes its
//! neighbours down.

use std::time::{Duration, Instant};

use super::connection::{Connections, RetryPolicy};
use super::error::StoreError;
use super::ledger::{Entry, InsertAll, InsertOutcome, RequestNumber};
use super::rounds::{Work, rounds};
use super::statements::LOGS_PER_STATEMENT;
use crate::{Deadline, Message};

/// With less time left no further transaction is begun: it might be cut off.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(3);

/// How long a transaction may take before its connection is given up. They are made so large that they take two.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// After so many failures of one kind in a row it is not the messages: refusals take milliseconds, and getting from a
/// thousand messages to the few that are to blame takes hundreds; a connection that breaks or falls silent takes seconds.
const MAX_REFUSALS: u32 = 1_000;
const MAX_BREAKS: u32 = 2;

/// What became of one message.
#[derive(Debug)]
pub enum MessageOutcome {
    /// Stored, by this call.
    Stored,
    /// Stored before; nothing was done.
    Duplicate,
    /// Another batch is stored under this key; nothing was done.
    KeyReused,
    /// The database refuses just this message; why.
    Refused(String),
    /// Somebody else is at work under its key, or has locked the table.
    Locked,
    /// There was no time or no database for it. Whether it is stored the ledger will tell when it is delivered again.
    NotStored,
}

/// What became of them all.
#[derive(Debug, Default)]
pub struct MessageOutcomes {
    /// In the order of the messages.
    pub outcomes: Vec<MessageOutcome>,
    /// Logs that were stored.
    pub logs: usize,
    /// Statements that stored them, those for the ledger apart.
    pub statements: usize,
    /// Why some are [`MessageOutcome::NotStored`].
    pub error: Option<StoreError>,
}

/// How often in a row something went wrong.
#[derive(Default)]
struct Failures {
    refusals: u32,
    breaks: u32,
}

/// Stores messages, each whole or not at all and only once.
pub(super) async fn insert(
    connections: &Connections,
    messages: &[Message],
    request: &RequestNumber,
    deadline: Deadline,
) -> MessageOutcomes {
    let mut all = MessageOutcomes::default();
    all.outcomes.resize_with(messages.len(), || MessageOutcome::NotStored);
    let (rounds, twins) = rounds(messages);
    let mut failures = Failures::default();
    for round in rounds {
        let mut work = Work::new(messages, round);
        all.error = all.insert_round(connections, messages, request, deadline, &mut work, &mut failures).await;
        if all.error.is_some() {
            break;
        }
    }
    for (twin, first) in twins {
        all.outcomes[twin] = all.outcomes[first].of_twin();
    }
    all
}

impl MessageOutcomes {
    /// One message of each key. Why it ended before all of it was done.
    async fn insert_round(
        &mut self,
        connections: &Connections,
        messages: &[Message],
        request: &RequestNumber,
        deadline: Deadline,
        work: &mut Work<'_>,
        failures: &mut Failures,
    ) -> Option<StoreError> {
        while let Some(places) = work.next() {
            if deadline.remaining() < TRANSACTION_LIMIT {
                return Some(StoreError::NoTimeLeft);
            }
            let entries: Vec<_> = places.iter().map(|place| Entry::of_message(&messages[*place])).collect();
            let insert = InsertAll { entries: &entries, request };
            let started = Instant::now();
            let patience = deadline.at_most(ANSWER_LIMIT);
            // What is repeated is decided here: after a failure in smaller pieces.
            match connections.run(patience, RetryPolicy::IfRefused, insert).await {
                Ok(Some(insertions)) => {
                    *failures = Failures::default();
                    self.note(messages, &places, insertions);
                    work.took(&places, started.elapsed());
                }
                Ok(None) => {
                    if let Some(place) = work.locked(&places) {
                        self.outcomes[place] = MessageOutcome::Locked;
                    }
                }
                Err(error @ StoreError::Refused(_)) if !error.is_about_the_server() => {
                    failures.refusals += 1;
                    if failures.refusals >= MAX_REFUSALS {
                        return Some(error);
                    }
                    if let Some(place) = work.refused(&places) {
                        self.outcomes[place] = MessageOutcome::Refused(error.to_string());
                    }
                }
                // The ledger tells the next try what became of this one.
                Err(error @ (StoreError::Broken(_) | StoreError::NoAnswerInTime)) => {
                    failures.breaks += 1;
                    if failures.breaks >= MAX_BREAKS {
                        return Some(error);
                    }
                    tracing::warn!(%error, messages = places.len(), "trying again, with less at once");
                    work.broken(places);
                }
                Err(error) => return Some(error),
            }
        }
        None
    }

    fn note(&mut self, messages: &[Message], places: &[usize], insertions: Vec<InsertOutcome>) {
        let mut logs = 0;
        for (place, insertion) in places.iter().zip(insertions) {
            if insertion == InsertOutcome::Stored {
                logs += messages[*place].logs.len();
            }
            self.outcomes[*place] = insertion.into();
        }
        self.logs += logs;
        self.statements += logs.div_ceil(LOGS_PER_STATEMENT);
    }
}

impl MessageOutcome {
    /// What becomes of the same message that came twice.
    fn of_twin(&self) -> Self {
        match self {
            Self::Stored | Self::Duplicate => Self::Duplicate,
            Self::KeyReused => Self::KeyReused,
            Self::Locked => Self::Locked,
            Self::Refused(why) => Self::Refused(why.clone()),
            Self::NotStored => Self::NotStored,
        }
    }
}

impl From<InsertOutcome> for MessageOutcome {
    fn from(insertion: InsertOutcome) -> Self {
        match insertion {
            InsertOutcome::Stored => Self::Stored,
            InsertOutcome::Duplicate => Self::Duplicate,
            InsertOutcome::KeyReused => Self::KeyReused,
        }
    }
}
