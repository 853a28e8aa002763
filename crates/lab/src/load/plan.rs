//! How much of everything: a run is bounded, whatever the machine.

use std::time::Duration;

/// The sizes of batches, in codes.
pub(crate) const BATCHES: [usize; 4] = [1, 10, 100, 1000];

/// What is measured, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The figures mean nothing.
    pub(crate) is_quick: bool,
    /// Clients of a step, and as many environments of post-log: nobody is throttled.
    pub(crate) clients: usize,
    /// Batches that a step sends at most, by [`BATCHES`].
    pub(crate) batches: [usize; 4],
    /// A step begins no batch later.
    pub(crate) sending: Duration,
    pub(crate) burst: Burst,
    /// store-logs alone against the bare statement: how often each of the two, in turn.
    pub(crate) rounds: usize,
    pub(crate) events: [EventSize; 3],
    /// Environments of store-logs, and of the bare statement as many connections.
    pub(crate) connections: [usize; 2],
}

/// As many codes as fast as clients can send them, on the usage plan of prod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    pub(crate) batches: usize,
    pub(crate) codes_per_batch: usize,
    pub(crate) clients: usize,
    /// Fewer than clients, so that some are throttled, as it is documented.
    pub(crate) environments: usize,
    /// Between two looks.
    pub(crate) sampling: Duration,
}

/// An event of so many messages of so many codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventSize {
    pub(crate) messages: usize,
    pub(crate) codes: usize,
}

const fn event(messages: usize, codes: usize) -> EventSize {
    EventSize { messages, codes }
}

/// What the figures in `docs/scaling.md` come from: about four minutes on two cores.
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
    // The most messages that Lambda hands over, and of larger ones fewer: it hands over 6 MB at most.
    events: [event(10_000, 1), event(10_000, 10), event(800, 100)],
    connections: [1, 2],
};

/// That it runs.
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
