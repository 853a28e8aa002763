//! Many messages at once: which of them may share a transaction.

use std::collections::HashMap;

use super::{Fingerprint, Message, MessageReport};
use crate::{InsertOutcome, MessageOutcome};

/// Messages, sorted by what they have in common.
#[derive(Debug, Default)]
pub(crate) struct MessageSets {
    /// Sets in which no key occurs twice. Of two batches under one key, the ledger decides which one is stored, so a set has
    /// to be done before the next one begins.
    pub(crate) sets: Vec<Vec<Message>>,
    /// Second deliveries of a message.
    pub(crate) duplicates: Vec<Message>,
}

impl MessageSets {
    /// Keeps the order of the messages.
    pub(crate) fn of(messages: Vec<Message>) -> Self {
        let mut all = Self::default();
        let mut seen: HashMap<String, Vec<Fingerprint>> = HashMap::new();
        for message in messages {
            let (key, fingerprint) = identity(&message);
            let fingerprints = seen.entry(key).or_default();
            if fingerprints.contains(&fingerprint) {
                all.duplicates.push(message);
                continue;
            }
            let set = fingerprints.len();
            fingerprints.push(fingerprint);
            if all.sets.len() == set {
                all.sets.push(Vec::new());
            }
            all.sets[set].push(message);
        }
        all
    }
}

impl MessageReport {
    /// Adds second deliveries, each with the outcome of the first one.
    pub(crate) fn add_duplicates(&mut self, duplicates: Vec<Message>) {
        if duplicates.is_empty() {
            return;
        }
        let of_first = |(message, outcome): &(Message, MessageOutcome)| (identity(message), of_duplicate(outcome));
        let outcomes: HashMap<_, _> = self.outcomes.iter().map(of_first).collect();
        self.outcomes.extend(duplicates.into_iter().map(|message| {
            let outcome = outcomes.get(&identity(&message)).cloned();
            (message, outcome.unwrap_or(MessageOutcome::NotStored))
        }));
    }
}

/// Identifies a batch: key and fingerprint.
fn identity(message: &Message) -> (String, Fingerprint) {
    (message.key().as_str().to_owned(), message.batch().fingerprint)
}

/// The outcome of a second delivery, by that of the first.
fn of_duplicate(outcome: &MessageOutcome) -> MessageOutcome {
    match outcome {
        MessageOutcome::Settled(InsertOutcome::Inserted) => MessageOutcome::Settled(InsertOutcome::AlreadyInserted),
        other => other.clone(),
    }
}
