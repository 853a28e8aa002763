//! The amount of work, which bounds the duration of a run on any machine.

use std::time::Duration;

/// The sizes of batches, in codes.
pub(crate) const BATCHES: [usize; 4] = [1, 10, 100, 1000];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whether the figures mean nothing.
    pub(crate) is_quick: bool,
    /// Clients of a step. post-log has as many environments, so nothing is throttled.
    pub(crate) clients: usize,
    /// The maximum number of batches that a step sends, by [`BATCHES`].
    pub(crate) batches: [usize; 4],
    /// When a step begins no more batches.
    pub(crate) sending: Duration,
    pub(crate) burst: Burst,
    /// Rounds of store-logs in turns with the bare statement.
    pub(crate) rounds: usize,
    pub(crate) events: [EventSize; 3],
    /// Environments of store-logs, and connections of the bare statement.
    pub(crate) connections: [usize; 2],
}

/// A burst with the usage plan of prod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    pub(crate) batches: usize,
    pub(crate) codes_per_batch: usize,
    pub(crate) clients: usize,
    /// Fewer than clients, so that some requests are throttled.
    pub(crate) environments: usize,
    /// The time between two samples.
    pub(crate) sampling: Duration,
}

/// The number of messages in an event, and of codes in each message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventSize {
    pub(crate) messages: usize,
    pub(crate) codes: usize,
}

const fn event(messages: usize, codes: usize) -> EventSize {
    EventSize { messages, codes }
}

/// For the figures in `docs/scaling.md`. Takes about four minutes on two cores.
pub(crate) const FULL: Plan = Plan {
    is_quick: false,
    clients: 8,
    batches: [3_000, 2_000, 1_000, 200],
    sending: Duration::from_secs(6),
    burst: Burst {
        batches: 2_000,
        codes_per_batch: 100,
        clients: 20,
        environments: 16,
        sampling: Duration::from_millis(250),
    },
    rounds: 9,
    // Lambda's limits: 10,000 messages, and 6 MB.
    events: [event(10_000, 1), event(10_000, 10), event(800, 100)],
    connections: [1, 2],
};

/// Only shows that it runs.
pub(crate) const QUICK: Plan = Plan {
    is_quick: true,
    clients: 2,
    batches: [10, 10, 5, 2],
    sending: Duration::from_secs(2),
    burst: Burst {
        batches: 60,
        codes_per_batch: 10,
        clients: 6,
        environments: 3,
        sampling: Duration::from_millis(100),
    },
    rounds: 1,
    events: [event(100, 1), event(100, 10), event(10, 100)],
    ..FULL
};
