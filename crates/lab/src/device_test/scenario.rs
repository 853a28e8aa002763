//! The scenarios: what happens to a client's requests, and what the client must do.

use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The service gets the request, and the client its response.
    Passed,
    /// The client gets this status and `Retry-After`; the service gets nothing.
    Status(u16, Option<u64>),
    /// 429 with this `Retry-After`: its first record is of a device over its rate, and so nothing of the batch is stored.
    OverRate(u64),
    /// The connection breaks before the service gets it.
    CutBefore,
    /// The service gets it, and the connection breaks before the response.
    CutAfter,
    /// The service gets it, and the connection breaks in the middle of the response.
    HalfResponse,
    /// The service gets it, and the response takes as long as [`SLOW`] or [`SLOWEST`].
    Slow,
    /// The service gets it, and the response is a 202 as in queued mode.
    Queued,
    /// The client gets this status and the page of a proxy or of a network's login. 3xx redirects.
    Foreign(u16),
    /// The service gets it, and the response says that the first record is rejected.
    OneRejected,
    /// The client is killed before the service gets it.
    KilledBefore,
    /// The service gets it, and the client is killed before the response.
    KilledAfter,
}

/// Long enough to expose a client that waits only a few seconds.
pub(crate) const SLOW: Duration = Duration::from_secs(6);

/// The gateway's own limit.
pub(crate) const SLOWEST: Duration = Duration::from_secs(29);

impl Fate {
    /// Whether the service gets the request.
    pub(crate) fn reaches_the_service(self) -> bool {
        !matches!(self, Self::Status(..) | Self::OverRate(_) | Self::CutBefore | Self::Foreign(_) | Self::KilledBefore)
    }

    /// The status, and the `Retry-After` that comes with it.
    pub(crate) fn retry_after(self) -> Option<(u16, u64)> {
        match self {
            Self::Status(status, Some(seconds)) => Some((status, seconds)),
            Self::OverRate(seconds) => Some((429, seconds)),
            _ => None,
        }
    }

    /// Whether the client learns that the batch is stored.
    pub(crate) fn acknowledges(self) -> bool {
        matches!(self, Self::Passed | Self::Slow | Self::Queued | Self::OneRejected)
    }

    /// Whether the batch is refused for good: its codes may be dropped or sent under another key.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Status(400 | 413 | 422, _))
    }

    /// Whether the same bytes would be refused under any key.
    pub(crate) fn refuses_the_bytes(self) -> bool {
        matches!(self, Self::Status(400 | 413, _))
    }
}

/// What a scenario requires of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// Storage that survives a restart.
    Storage,
    Tls,
}

/// The client's first requests meet these fates. All later ones pass.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What a correct client does.
    pub(crate) rule: &'static str,
    pub(crate) fates: &'static [Fate],
    pub(crate) needs: Needs,
}

impl Scenario {
    /// How many requests the client must send for a meaningful verdict.
    pub(crate) fn requests(&self) -> usize {
        match self.fates {
            // Repeats one fate more often than any client tries.
            [WRONG_KEY, ..] => 1,
            fates => fates.len(),
        }
    }
}

pub(crate) const WRONG_KEY: Fate = Fate::Status(403, None);

const fn scenario(name: &'static str, rule: &'static str, fates: &'static [Fate]) -> Scenario {
    Scenario { name, rule, fates, needs: Needs::Nothing }
}

const WAIT: &str = "wait as long as Retry-After says, then send the same bytes with the same key";
const AGAIN: &str = "the batch may be stored: send the same bytes with the same key";

const REFUSED: &str = "do not send the same bytes again; send the other batches";

const RESTART: &str = "after the restart send the same bytes with the same key";

/// Looks like a refusal of the service.
pub(crate) const FOREIGN_REFUSAL: Fate = Fate::Foreign(400);

/// All scenarios, the simple ones first.
pub(crate) const ALL: [Scenario; 24] = [
    scenario("healthy", "send each batch once, with a key of its own", &[]),
    scenario("throttled (429)", WAIT, &[Fate::Status(429, Some(2))]),
    scenario(
        "device over its rate (429)",
        "nothing is refused: send the whole batch again after Retry-After, with the same key",
        &[Fate::OverRate(2), Fate::OverRate(1)],
    ),
    scenario("store away (503)", WAIT, &[Fate::Status(503, Some(1)), Fate::Status(503, Some(2))]),
    scenario("key in flight (409)", WAIT, &[Fate::Status(409, Some(1))]),
    scenario(
        "gateway fails (502, 504, 500)",
        AGAIN,
        &[Fate::Status(502, Some(1)), Fate::Status(504, None), Fate::Status(500, None)],
    ),
    scenario("cut before the commit", AGAIN, &[Fate::CutBefore, Fate::CutBefore]),
    scenario("cut after the commit", AGAIN, &[Fate::CutAfter, Fate::CutAfter]),
    scenario("half a response", AGAIN, &[Fate::HalfResponse]),
    scenario(
        "no Retry-After",
        "pause, longer each time",
        &[Fate::Status(500, None), Fate::CutBefore, Fate::Status(504, None), Fate::CutBefore],
    ),
    scenario("slow response", "wait up to 40 s for a response", &[Fate::Slow]),
    scenario("queued (202)", "202 is as good as 200", &[Fate::Queued]),
    scenario("captive portal", "200 without the service's own JSON is no acknowledgement", &[Fate::Foreign(200)]),
    scenario("redirect (302, 307)", "never follow it; keep the batch", &[Fate::Foreign(302), Fate::Foreign(307)]),
    scenario("timeout of a proxy (408)", AGAIN, &[Fate::Foreign(408)]),
    scenario("page of a proxy (400)", "only the service itself refuses a batch: keep it", &[FOREIGN_REFUSAL]),
    scenario("one record rejected", "forget the batch, the rejected record too", &[Fate::OneRejected]),
    scenario("refused for good (400)", REFUSED, &[Fate::Status(400, None)]),
    scenario("too large (413)", REFUSED, &[Fate::Status(413, None)]),
    scenario("key of another batch (422)", "do not send it with this key again", &[Fate::Status(422, None)]),
    Scenario {
        name: "wrong API key (403)",
        rule: "keep the batch, try rarely, and deliver it once the key is right",
        fates: &[WRONG_KEY; 1000],
        needs: Needs::Storage,
    },
    Scenario { needs: Needs::Storage, ..scenario("kill -9 before the commit", RESTART, &[Fate::KilledBefore]) },
    Scenario { needs: Needs::Storage, ..scenario("kill -9 after the commit", RESTART, &[Fate::KilledAfter]) },
    Scenario {
        name: "wrong certificate",
        rule: "send nothing to a server that cannot prove its name, and keep the batch",
        fates: &[],
        needs: Needs::Tls,
    },
];
